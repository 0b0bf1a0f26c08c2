import { FormatError } from '../error.ts';

/** A name longer than this is no name of a function or file; without a bound, names that overlap would cost quadratic time. */
const longestName = 4096;

const utf8 = new TextDecoder();

/** A place in one debug section; every read checks the bounds first. */
export class Cursor {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly little: boolean;
  /** Bytes from the start of the section. */
  at: number;
  /** Reads beyond this fail; the section's end or that of a unit. */
  end: number;

  constructor(
    name: string,
    bytes: Uint8Array,
    little: boolean,
    at = 0,
    end: number = bytes.length,
    view: DataView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  ) {
    if (at > bytes.length || end > bytes.length)
      throw new FormatError(
        `dwarf: offset 0x${Math.max(at, end).toString(16)} of ${name}, which has 0x${bytes.length.toString(16)} bytes`,
      );
    this.name = name;
    this.bytes = bytes;
    this.view = view;
    this.little = little;
    this.at = at;
    this.end = end;
  }

  /** A second cursor over the same section. */
  copy(at: number, end: number = this.bytes.length): Cursor {
    return new Cursor(this.name, this.bytes, this.little, at, end, this.view);
  }

  /** @throws {FormatError} naming section, offset and both lengths */
  need(length: number): void {
    if (this.at + length > this.end)
      this.fail(`expected ${length} bytes, found ${Math.max(0, this.end - this.at)}`);
  }

  fail(what: string): never {
    throw new FormatError(`dwarf: ${what}, at 0x${this.at.toString(16)} of ${this.name}`);
  }

  skip(length: number): void {
    this.need(length);
    this.at += length;
  }

  u8(): number {
    if (this.at >= this.end) this.need(1);
    return this.bytes[this.at++];
  }

  u16(): number {
    this.need(2);
    const value = this.view.getUint16(this.at, this.little);
    this.at += 2;
    return value;
  }

  u24(): number {
    this.need(3);
    const [a, b, c] = this.bytes.subarray(this.at, this.at + 3);
    this.at += 3;
    return this.little ? a | (b << 8) | (c << 16) : (a << 16) | (b << 8) | c;
  }

  u32(): number {
    this.need(4);
    const value = this.view.getUint32(this.at, this.little);
    this.at += 4;
    return value;
  }

  /** Exact up to 2^53; what is larger (a hash, a negative constant) is rounded, and 2^64-1 becomes 2^64. */
  u64(): number {
    this.need(8);
    const first = this.view.getUint32(this.at, this.little);
    const second = this.view.getUint32(this.at + 4, this.little);
    this.at += 8;
    return this.little ? second * 0x100000000 + first : first * 0x100000000 + second;
  }

  /** An unsigned number of 1, 2, 4 or 8 bytes. */
  unsigned(size: number): number {
    if (size === 8) return this.u64();
    if (size === 4) return this.u32();
    if (size === 2) return this.u16();
    if (size === 1) return this.u8();
    return this.fail(`a number of ${size} bytes, expected 1, 2, 4 or 8`);
  }

  uleb(): number {
    const start = this.at;
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
      if (this.at - start > 16) this.fail('a LEB128 number of more than 16 bytes');
    }
  }

  sleb(): number {
    const start = this.at;
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return byte & 0x40 ? value - scale : value;
      if (this.at - start > 16) this.fail('a LEB128 number of more than 16 bytes');
    }
  }

  /** A NUL-terminated string, as UTF-8. */
  string(): string {
    const start = this.at;
    this.skipString();
    return utf8.decode(this.bytes.subarray(start, this.at - 1));
  }

  skipString(): void {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0 || end >= this.end) this.fail('a string without its end');
    if (end - this.at > longestName) this.fail(`a string of more than ${longestName} bytes`);
    this.at = end + 1;
  }

  /** The length of a unit and its end; `offsetSize` is 8 in the 64-bit format (DWARF 5, 7.4). */
  unitLength(): { end: number; offsetSize: 4 | 8 } {
    let length = this.u32();
    let offsetSize: 4 | 8 = 4;
    if (length === 0xffffffff) {
      length = this.u64();
      offsetSize = 8;
    } else if (length >= 0xfffffff0) this.fail(`the reserved unit length 0x${length.toString(16)}`);
    const end = this.at + length;
    if (end > this.end)
      this.fail(`a unit that ends at 0x${end.toString(16)}, the section at 0x${this.end.toString(16)}`);
    return { end, offsetSize };
  }
}
