import { FormatError } from '../error.ts';
import { hex } from '../hex.ts';
import { Output, type SizeBound } from './output.ts';

/** CRC-32 with the same polynomial as everywhere, but the highest bit first. */
function crcTable(): Int32Array {
  const table = new Int32Array(256);
  for (let n = 0; n < 256; n++) {
    let crc = n << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
    table[n] = crc;
  }
  return table;
}

let table: Int32Array | undefined;

class BitReader {
  readonly #bytes: Uint8Array;
  #at: number;
  #buffer = 0;
  #count = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Offset of the byte that holds the next bit. */
  get at(): number {
    return this.#at - (this.#count >> 3);
  }

  damaged(what: string): FormatError {
    return new FormatError(`bzip2: damaged, ${what} at ${hex(this.at)}`);
  }

  /** The next `count` bits, at most 24, the first one highest. */
  bits(count: number): number {
    while (this.#count < count) {
      if (this.#at >= this.#bytes.length) throw this.damaged('the data ends too early');
      this.#buffer = (this.#buffer << 8) | this.#bytes[this.#at++];
      this.#count += 8;
    }
    this.#count -= count;
    return (this.#buffer >>> this.#count) & ((1 << count) - 1);
  }

  word(): number {
    const high = this.bits(16);
    return (high << 16) | this.bits(16);
  }

  align(): void {
    this.#count &= ~7;
  }
}

/** A canonical Huffman code of at most 20 bits. */
interface Code {
  /** By length: the largest code, or -1; and what to subtract to get an index into `symbols`. */
  readonly limit: Int32Array;
  readonly base: Int32Array;
  readonly symbols: Uint16Array;
  readonly shortest: number;
}

const longestCode = 20;

function makeCode(lengths: Uint8Array, count: number): Code {
  const limit = new Int32Array(longestCode + 1).fill(-1);
  const base = new Int32Array(longestCode + 1);
  const symbols = new Uint16Array(count);
  let code = 0;
  let used = 0;
  let shortest = 0;
  for (let length = 1; length <= longestCode; length++) {
    code <<= 1;
    base[length] = code - used;
    for (let symbol = 0; symbol < count; symbol++)
      if (lengths[symbol] === length) {
        symbols[used++] = symbol;
        code++;
        if (shortest === 0) shortest = length;
      }
    limit[length] = code - 1;
  }
  return { limit, base, symbols, shortest };
}

function readSymbol(reader: BitReader, code: Code): number {
  let value = reader.bits(code.shortest);
  for (let length = code.shortest; ; value = (value << 1) | reader.bits(1), length++) {
    if (length > longestCode) throw reader.damaged('a code that stands for nothing');
    if (value <= code.limit[length]) {
      const index = value - code.base[length];
      if (index < 0 || index >= code.symbols.length) throw reader.damaged('a code that stands for nothing');
      return code.symbols[index];
    }
  }
}

function readCodes(reader: BitReader, groups: number, symbols: number): Code[] {
  const codes: Code[] = [];
  const lengths = new Uint8Array(258);
  for (let group = 0; group < groups; group++) {
    let length = reader.bits(5);
    for (let symbol = 0; symbol < symbols; symbol++) {
      while (reader.bits(1)) {
        length += reader.bits(1) ? -1 : 1;
        if (length < 1 || length > longestCode) throw reader.damaged(`a code of ${length} bits`);
      }
      if (length < 1 || length > longestCode) throw reader.damaged(`a code of ${length} bits`);
      lengths[symbol] = length;
    }
    codes.push(makeCode(lengths, symbols));
  }
  return codes;
}

/** Which byte values occur, ascending: 16 bits for the used groups of 16, then 16 bits for each of those. */
function readAlphabet(reader: BitReader): Uint8Array {
  const used = reader.bits(16);
  const values: number[] = [];
  for (let high = 0; high < 16; high++) {
    if (!(used & (0x8000 >> high))) continue;
    const low = reader.bits(16);
    for (let bit = 0; bit < 16; bit++) if (low & (0x8000 >> bit)) values.push(high * 16 + bit);
  }
  if (values.length === 0) throw reader.damaged('a block without symbols');
  return Uint8Array.from(values);
}

/** One code number per 50 symbols, move-to-front coded in unary. */
function readSelectors(reader: BitReader, groups: number): Uint8Array {
  const count = reader.bits(15);
  if (count === 0) throw reader.damaged('no selectors');
  const selectors = new Uint8Array(count);
  const order = Uint8Array.from({ length: groups }, (_, index) => index);
  for (let index = 0; index < count; index++) {
    let place = 0;
    while (reader.bits(1)) if (++place >= groups) throw reader.damaged('a selector of no code');
    const chosen = order[place];
    order.copyWithin(1, 0, place);
    order[0] = chosen;
    selectors[index] = chosen;
  }
  return selectors;
}

/** Fills `block` with the bytes of one Burrows–Wheeler transform, in its sorted order; returns their number. */
function readTransform(reader: BitReader, block: Int32Array): number {
  const alphabet = readAlphabet(reader);
  const groups = reader.bits(3);
  if (groups < 2 || groups > 6) throw reader.damaged(`${groups} codes`);
  const selectors = readSelectors(reader, groups);
  const end = alphabet.length + 1;
  const codes = readCodes(reader, groups, end + 1);
  const front = alphabet.slice();
  let count = 0;
  let run = 0;
  let weight = 1;
  const endRun = () => {
    if (count + run > block.length) throw reader.damaged('a block is too long');
    block.fill(front[0], count, count + run);
    count += run;
    run = 0;
    weight = 1;
  };
  for (const selector of selectors) {
    const code = codes[selector];
    for (let left = 50; left > 0; left--) {
      const symbol = readSymbol(reader, code);
      // 0 and 1 are the digits of a run's length in bijective base 2.
      if (symbol <= 1) {
        run += weight << symbol;
        if (run > block.length) throw reader.damaged('a run is too long');
        weight <<= 1;
        continue;
      }
      if (run > 0) endRun();
      if (symbol === end) return count;
      if (count >= block.length) throw reader.damaged('a block is too long');
      const value = front[symbol - 1];
      front.copyWithin(1, 0, symbol - 1);
      front[0] = value;
      block[count++] = value;
    }
  }
  throw reader.damaged('the selectors end before the block');
}

/** Undoes the transform and the run lengths behind it, into `output`; returns the CRC of what was written. */
function writeBlock(
  reader: BitReader,
  block: Int32Array,
  count: number,
  origin: number,
  output: Output,
): number {
  if (origin >= count) throw reader.damaged(`the block begins at ${origin} of ${count}`);
  const starts = new Int32Array(257);
  for (let index = 0; index < count; index++) starts[block[index] + 1]++;
  for (let value = 1; value < 257; value++) starts[value] += starts[value - 1];
  // The upper bits of an entry tell where the next byte is.
  for (let index = 0; index < count; index++) block[starts[block[index] & 0xff]++] |= index << 8;
  table ??= crcTable();
  const crcs = table;
  let crc = -1;
  let next = block[origin] >>> 8;
  let previous = -1;
  let same = 0;
  for (let left = count; left > 0; left--) {
    const entry = block[next];
    const value = entry & 0xff;
    next = entry >>> 8;
    // Four equal bytes are followed by how many more there are.
    if (same === 4) {
      output.reserve(value);
      output.bytes.fill(previous, output.length, output.length + value);
      output.length += value;
      for (let index = 0; index < value; index++) crc = (crc << 8) ^ crcs[(crc >>> 24) ^ previous];
      same = 0;
      previous = -1;
      continue;
    }
    same = value === previous ? same + 1 : 1;
    previous = value;
    if (output.length === output.bytes.length) output.reserve(1);
    output.bytes[output.length++] = value;
    crc = (crc << 8) ^ crcs[(crc >>> 24) ^ value];
  }
  return ~crc;
}

/**
 * Decompresses a bzip2 file, of one stream or several; every checksum is verified.
 *
 * @see the bzip2 format as its program defines it; the obsolete randomised blocks are refused
 */
export function unbzip2(bytes: Uint8Array, bound: SizeBound = {}): Uint8Array {
  const output = new Output('bzip2', bound, bytes.length * 6);
  for (let at = 0; at === 0 || at < bytes.length; ) {
    const level = bytes[at + 3] - 0x30;
    if (bytes[at] !== 0x42 || bytes[at + 1] !== 0x5a || bytes[at + 2] !== 0x68 || !(level >= 1 && level <= 9))
      throw new FormatError(`bzip2: expected BZh and a level at ${hex(at)}`);
    const reader = new BitReader(bytes, at + 4);
    const block = new Int32Array(level * 100_000);
    let combined = 0;
    for (;;) {
      const high = reader.bits(24);
      const low = reader.bits(24);
      if (high === 0x177245 && low === 0x385090) break;
      if (high !== 0x314159 || low !== 0x265359) throw reader.damaged('no block');
      const expected = reader.word();
      if (reader.bits(1)) throw reader.damaged('a randomised block, which is not read,');
      const origin = reader.bits(24);
      const count = readTransform(reader, block);
      const found = writeBlock(reader, block, count, origin, output);
      if (found !== expected)
        throw new FormatError(
          `bzip2: CRC of a block is ${hex(found >>> 0)}, expected ${hex(expected >>> 0)} (before ${hex(reader.at)})`,
        );
      combined = ((combined << 1) | (combined >>> 31)) ^ found;
    }
    if (reader.word() !== combined) throw reader.damaged('the checksum of all blocks does not match');
    reader.align();
    at = reader.at;
  }
  return output.done();
}
