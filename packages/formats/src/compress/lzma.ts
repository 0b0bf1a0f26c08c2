import { FormatError } from '../error.ts';
import { Output, type SizeBound } from './output.ts';

// Places of the probability models in one array, in the order of their use.
const isMatch = 0; // [state 12][position 16]
const isRep = 192; // [state 12]
const isRepG0 = 204;
const isRepG1 = 216;
const isRepG2 = 228;
const isRep0Long = 240; // [state 12][position 16]
const distanceSlot = 432; // [length class 4][64]
const distanceSpecial = 688; // 128
const distanceAlign = 816; // 16
const matchLength = 832; // choice, choice2, low [16][8], mid [16][8], high [256]
const repLength = matchLength + 514;
const literal = repLength + 514; // [0x300 << (lc + lp)]

/**
 * The LZMA decoder behind `.lzma` files and the chunks of LZMA2. Its dictionary is the output itself, so nothing is copied twice.
 *
 * Reading runs at most some bytes past `inputEnd` before it is noticed, and always within the array.
 *
 * @see the LZMA specification of the LZMA SDK (public domain)
 */
export class LzmaDecoder {
  readonly output: Output;
  readonly #input: Uint8Array;
  readonly #format: string;
  #at = 0;
  #inputEnd = 0;
  #range = 0;
  #code = 0;
  #probs: Uint16Array = new Uint16Array(literal);
  #lc = 0;
  #literalMask = 0;
  #positionMask = 0;
  #state = 0;
  #rep0 = 0;
  #rep1 = 0;
  #rep2 = 0;
  #rep3 = 0;
  /** Where in the output the dictionary begins. */
  dictionaryStart = 0;
  dictionarySize = 0xffffffff;

  constructor(format: string, input: Uint8Array, output: Output) {
    this.#format = format;
    this.#input = input;
    this.output = output;
  }

  #damaged(what: string): FormatError {
    return new FormatError(
      `${this.#format}: damaged, ${what}, before input offset ${this.#at} and at output offset ${this.output.length}`,
    );
  }

  /** Takes the literal context bits from their byte, `(pb * 5 + lp) * 9 + lc`, and resets the state. */
  setProperties(byte: number): void {
    if (byte >= 225)
      throw new FormatError(
        `${this.#format}: LZMA properties ${byte} before offset ${this.#at}, at most 224 exist`,
      );
    const lc = byte % 9;
    const rest = (byte - lc) / 9;
    const lp = rest % 5;
    this.#lc = lc;
    this.#literalMask = (1 << lp) - 1;
    this.#positionMask = (1 << ((rest - lp) / 5)) - 1;
    const size = literal + (0x300 << (lc + lp));
    if (this.#probs.length !== size) this.#probs = new Uint16Array(size);
    this.resetState();
  }

  resetState(): void {
    this.#probs.fill(1024);
    this.#state = this.#rep0 = this.#rep1 = this.#rep2 = this.#rep3 = 0;
  }

  /** Starts the range coder on the input's bytes from `at` to `end`. */
  begin(at: number, end: number): void {
    const input = this.#input;
    this.#at = at + 5;
    this.#inputEnd = end;
    if (end - at < 5) throw this.#damaged('the range coder lacks its first 5 bytes');
    if (input[at] !== 0) throw this.#damaged(`the range coder begins with ${input[at]} instead of 0`);
    this.#code = (input[at + 1] << 24) | (input[at + 2] << 16) | (input[at + 3] << 8) | input[at + 4];
    this.#range = -1;
  }

  /** True when the range coder has ended where and as it should. */
  finished(): boolean {
    this.#normalise();
    return this.#code === 0 && this.#at === this.#inputEnd;
  }

  #normalise(): void {
    if (this.#range >>> 24 === 0) {
      this.#range <<= 8;
      this.#code = (this.#code << 8) | this.#input[this.#at++];
    }
  }

  #bit(index: number): number {
    const probs = this.#probs;
    let range = this.#range;
    let code = this.#code;
    if (range >>> 24 === 0) {
      range <<= 8;
      code = (code << 8) | this.#input[this.#at++];
    }
    const prob = probs[index];
    const bound = Math.imul(range >>> 11, prob);
    if (code >>> 0 < bound >>> 0) {
      this.#range = bound;
      this.#code = code;
      probs[index] = prob + ((2048 - prob) >> 5);
      return 0;
    }
    this.#range = (range - bound) | 0;
    this.#code = (code - bound) | 0;
    probs[index] = prob - (prob >> 5);
    return 1;
  }

  /**
   * A tree of bits, the highest first, walked from `node` until it reaches `limit`; returns the last node.
   *
   * Most of the time of a decoder is spent here, so the range coder is kept in local variables.
   */
  #walk(base: number, node: number, limit: number): number {
    const probs = this.#probs;
    const input = this.#input;
    let range = this.#range;
    let code = this.#code;
    let at = this.#at;
    let index = node;
    while (index < limit) {
      if (range >>> 24 === 0) {
        range <<= 8;
        code = (code << 8) | input[at++];
      }
      const prob = probs[base + index];
      const bound = Math.imul(range >>> 11, prob);
      if (code >>> 0 < bound >>> 0) {
        range = bound;
        probs[base + index] = prob + ((2048 - prob) >> 5);
        index <<= 1;
      } else {
        range = (range - bound) | 0;
        code = (code - bound) | 0;
        probs[base + index] = prob - (prob >> 5);
        index = (index << 1) | 1;
      }
    }
    this.#range = range;
    this.#code = code;
    this.#at = at;
    return index;
  }

  #tree(base: number, bits: number): number {
    return this.#walk(base, 1, 1 << bits) - (1 << bits);
  }

  #reverseTree(base: number, bits: number): number {
    let node = 1;
    let value = 0;
    for (let index = 0; index < bits; index++) {
      const bit = this.#bit(base + node);
      node = (node << 1) | bit;
      value |= bit << index;
    }
    return value;
  }

  #length(base: number, position: number): number {
    if (this.#bit(base) === 0) return 2 + this.#tree(base + 2 + (position << 3), 3);
    if (this.#bit(base + 1) === 0) return 10 + this.#tree(base + 130 + (position << 3), 3);
    return 18 + this.#tree(base + 258, 8);
  }

  /** The distance less one; -1 stands for the end marker. */
  #distance(length: number): number {
    const slot = this.#tree(distanceSlot + (Math.min(length - 2, 3) << 6), 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const high = (2 | (slot & 1)) << bits;
    if (slot < 14) return high + this.#reverseTree(distanceSpecial + high - slot, bits);
    let direct = 0;
    for (let left = bits - 4; left > 0; left--) {
      this.#normalise();
      this.#range >>>= 1;
      const bit = this.#code >>> 0 >= this.#range >>> 0 ? 1 : 0;
      if (bit) this.#code = (this.#code - this.#range) | 0;
      direct = (direct << 1) | bit;
    }
    return (high + (direct << 4) + this.#reverseTree(distanceAlign, 4)) | 0;
  }

  #literal(position: number): void {
    const { output } = this;
    if (output.length === output.bytes.length) output.reserve(1);
    const bytes = output.bytes;
    const before = output.length > this.dictionaryStart ? bytes[output.length - 1] : 0;
    const context = ((position & this.#literalMask) << this.#lc) + (before >> (8 - this.#lc));
    const base = literal + 0x300 * context;
    let node = 1;
    if (this.#state >= 7) {
      // After a match the byte at the last distance is a good guess, followed until the first bit that differs.
      let guess = bytes[output.length - this.#rep0 - 1];
      while (node < 0x100) {
        const expected = (guess >> 7) & 1;
        guess <<= 1;
        const bit = this.#bit(base + ((1 + expected) << 8) + node);
        node = (node << 1) | bit;
        if (bit !== expected) break;
      }
    }
    bytes[output.length++] = this.#walk(base, node, 0x100);
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  /**
   * Decodes until the output has `end` bytes, or to the end marker where `end` is undefined.
   *
   * @returns true at the end marker
   */
  run(end: number | undefined): boolean {
    const { output } = this;
    while (output.length !== end) {
      if (this.#at > this.#inputEnd) throw this.#damaged('the input ends too early');
      const offset = output.length - this.dictionaryStart;
      const position = offset & this.#positionMask;
      const state = this.#state;
      if (this.#bit(isMatch + (state << 4) + position) === 0) {
        this.#literal(offset);
        continue;
      }
      let length: number;
      if (this.#bit(isRep + state) === 0) {
        length = this.#length(matchLength, position);
        this.#rep3 = this.#rep2;
        this.#rep2 = this.#rep1;
        this.#rep1 = this.#rep0;
        this.#rep0 = this.#distance(length);
        this.#state = state < 7 ? 7 : 10;
        if (this.#rep0 === -1) return true;
      } else {
        length = this.#repeat(state, position);
      }
      this.#copy(length, end);
    }
    return false;
  }

  /** A match at one of the last four distances: brings that one to the front and returns the length. */
  #repeat(state: number, position: number): number {
    if (this.#bit(isRepG0 + state) === 0) {
      if (this.#bit(isRep0Long + (state << 4) + position) === 0) {
        this.#state = state < 7 ? 9 : 11;
        return 1;
      }
    } else {
      let distance = this.#rep1;
      if (this.#bit(isRepG1 + state) === 1) {
        distance = this.#rep2;
        if (this.#bit(isRepG2 + state) === 1) {
          distance = this.#rep3;
          this.#rep3 = this.#rep2;
        }
        this.#rep2 = this.#rep1;
      }
      this.#rep1 = this.#rep0;
      this.#rep0 = distance;
    }
    this.#state = state < 7 ? 8 : 11;
    return this.#length(repLength, position);
  }

  #copy(length: number, end: number | undefined): void {
    const { output } = this;
    const distance = (this.#rep0 >>> 0) + 1;
    let to = output.length;
    if (distance > to - this.dictionaryStart || distance > this.dictionarySize)
      throw this.#damaged(`a match reaches ${distance} bytes back`);
    if (end !== undefined && to + length > end) throw this.#damaged('a match crosses the end');
    output.reserve(length);
    const bytes = output.bytes;
    const last = to + length;
    for (let from = to - distance; to < last; to++, from++) bytes[to] = bytes[from];
    output.length = last;
  }
}

/**
 * Decompresses a `.lzma` file ("LZMA alone"), with or without an end marker.
 *
 * @see the LZMA specification of the LZMA SDK, "LZMA file format"
 */
export function unlzma(bytes: Uint8Array, bound: SizeBound = {}): Uint8Array {
  if (bytes.length < 18) throw new FormatError(`lzma: 18 bytes are the least, the file has ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const low = view.getUint32(5, true);
  const high = view.getUint32(9, true);
  const unknown = low === 0xffffffff && high === 0xffffffff;
  const size = high * 0x100000000 + low;
  if (!unknown && bound.size !== undefined && bound.size !== size)
    throw new FormatError(`lzma: ${size} bytes at offset 5 where ${bound.size} were announced`);
  const output = new Output('lzma', unknown ? bound : { ...bound, size }, bytes.length * 4);
  const decoder = new LzmaDecoder('lzma', bytes, output);
  decoder.dictionarySize = Math.max(view.getUint32(1, true), 4096);
  decoder.setProperties(bytes[0]);
  decoder.begin(13, bytes.length);
  const marked = decoder.run(unknown ? undefined : size);
  // A known size may be followed by the marker all the same.
  if (!decoder.finished() && (marked || !decoder.run(undefined) || !decoder.finished()))
    throw new FormatError(`lzma: the data does not end at offset ${bytes.length} as it should`);
  return output.done();
}
