// 64-bit numbers as two int32 halves: BigInt would take ten times as long as decompressing.

/** A 64-bit number that can be changed. */
class Word {
  low: number;
  high: number;

  constructor(high: number, low: number) {
    this.high = high | 0;
    this.low = low | 0;
  }

  add({ high, low }: Readonly<Word>): void {
    const sum = (this.low + low) | 0;
    this.high = (this.high + high + (sum >>> 0 < low >>> 0 ? 1 : 0)) | 0;
    this.low = sum;
  }

  multiply({ high, low }: Readonly<Word>): void {
    const a = this.low & 0xffff;
    const b = this.low >>> 16;
    const c = low & 0xffff;
    const d = low >>> 16;
    const bottom = Math.imul(a, c);
    const one = Math.imul(b, c);
    const two = Math.imul(a, d);
    const middle = (bottom >>> 16) + (one & 0xffff) + (two & 0xffff);
    const top = (Math.imul(b, d) + (one >>> 16) + (two >>> 16) + (middle >>> 16)) | 0;
    this.high = (top + Math.imul(this.low, high) + Math.imul(this.high, low)) | 0;
    this.low = (bottom & 0xffff) | (middle << 16);
  }

  rotate(count: number): void {
    const { low, high } = this;
    this.high = (high << count) | (low >>> (32 - count));
    this.low = (low << count) | (high >>> (32 - count));
  }

  xor({ high, low }: Readonly<Word>): void {
    this.high ^= high;
    this.low ^= low;
  }

  /** x ^= x >> count, for counts below 32 and from 32 on. */
  foldRight(count: number): void {
    if (count < 32) {
      this.low ^= (this.low >>> count) | (this.high << (32 - count));
      this.high ^= this.high >>> count;
    } else this.low ^= this.high >>> (count - 32);
  }
}

const prime1 = new Word(0x9e3779b1, 0x85ebca87);
const prime2 = new Word(0xc2b2ae3d, 0x27d4eb4f);
const prime3 = new Word(0x165667b1, 0x9e3779f9);
const prime4 = new Word(0x85ebca77, 0xc2b2ae63);
const prime5 = new Word(0x27d4eb2f, 0x165667c5);

/** One step of a lane; `input` is used up. */
function round(lane: Word, input: Word): void {
  input.multiply(prime2);
  lane.add(input);
  lane.rotate(31);
  lane.multiply(prime1);
}

/** The lanes do not depend on each other, so each takes its every fourth word of 8 bytes in turn. */
function runLane(lane: Word, view: DataView, start: number, end: number): void {
  const input = new Word(0, 0);
  for (let at = start; at < end; at += 32) {
    input.low = view.getInt32(at, true);
    input.high = view.getInt32(at + 4, true);
    round(lane, input);
  }
}

/**
 * The low 32 bits of XXH64 with seed 0, which is what a Zstandard frame ends in; unsigned.
 *
 * @see the xxHash specification
 */
export function xxh64Low(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { length } = bytes;
  let at = 0;
  const hash = new Word(0, 0);
  if (length < 32) hash.add(prime5);
  else {
    at = length - (length % 32);
    const lanes = [new Word(0, 0), new Word(0, 0), new Word(0, 0), new Word(0, 0)];
    lanes[0].add(prime1);
    lanes[0].add(prime2);
    lanes[1].add(prime2);
    lanes[3].add(new Word(~prime1.high, -prime1.low));
    for (const [index, lane] of lanes.entries()) runLane(lane, view, index * 8, at);
    for (const [index, lane] of lanes.entries()) {
      const turned = new Word(lane.high, lane.low);
      turned.rotate([1, 7, 12, 18][index]);
      hash.add(turned);
    }
    for (const lane of lanes) {
      const merged = new Word(0, 0);
      round(merged, lane);
      hash.xor(merged);
      hash.multiply(prime1);
      hash.add(prime4);
    }
  }
  hash.add(new Word(Math.floor(length / 0x100000000), length));
  for (; at + 8 <= length; at += 8) {
    const mixed = new Word(0, 0);
    round(mixed, new Word(view.getInt32(at + 4, true), view.getInt32(at, true)));
    hash.xor(mixed);
    hash.rotate(27);
    hash.multiply(prime1);
    hash.add(prime4);
  }
  if (at + 4 <= length) {
    const input = new Word(0, view.getInt32(at, true));
    input.multiply(prime1);
    hash.xor(input);
    hash.rotate(23);
    hash.multiply(prime2);
    hash.add(prime3);
    at += 4;
  }
  for (; at < length; at++) {
    const input = new Word(0, bytes[at]);
    input.multiply(prime5);
    hash.xor(input);
    hash.rotate(11);
    hash.multiply(prime1);
  }
  hash.foldRight(33);
  hash.multiply(prime2);
  hash.foldRight(29);
  hash.multiply(prime3);
  hash.foldRight(32);
  return hash.low >>> 0;
}
