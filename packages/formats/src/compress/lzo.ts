import { FormatError } from '../error.ts';
import { hex } from '../hex.ts';
import { adler32, crc32 } from './checksum.ts';
import { Output, type SizeBound } from './output.ts';

const magic = [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a];

/** Header flags of lzop. */
const flag = {
  adlerPlain: 0x1,
  adlerPacked: 0x2,
  extraField: 0x40,
  crcPlain: 0x100,
  crcPacked: 0x200,
  multipart: 0x400,
  filter: 0x800,
  headerCrc: 0x1000,
};

/** lzop's own limit of a block. */
const largestBlock = 64 * 1024 * 1024;

/**
 * Decodes one LZO1X block, whose length must come out as `size`.
 *
 * The instruction byte says how far back a match lies; how it is read depends on how many literals came just before.
 *
 * @see the kernel's Documentation/staging/lzo.rst, which describes the stream
 */
function decodeLzo1x(input: Uint8Array, start: number, end: number, output: Output, size: number): void {
  output.reserve(size);
  const bytes = output.bytes;
  const from = output.length;
  const limit = from + size;
  let at = start;
  let to = from;
  const damaged = (what: string) => new FormatError(`lzo: damaged, ${what} at ${hex(at)}`);
  const next = (): number => {
    if (at >= end) throw damaged('the data ends too early');
    return input[at++];
  };
  /** A length that did not fit its bits: every zero byte adds 255. */
  const more = (base: number): number => {
    let sum = base;
    for (;;) {
      const byte = next();
      if (byte !== 0) return sum + byte;
      sum += 255;
    }
  };
  const literals = (count: number): void => {
    if (at + count > end || to + count > limit) throw damaged(`${count} literals do not fit`);
    for (let index = 0; index < count; index++) bytes[to++] = input[at++];
  };
  const match = (distance: number, length: number): void => {
    if (distance > to - from) throw damaged(`a match reaches ${distance} bytes back`);
    if (to + length > limit) throw damaged(`a match of ${length} bytes does not fit`);
    for (let index = 0; index < length; index++, to++) bytes[to] = bytes[to - distance];
  };
  // 0: none, 1 to 3: that many, 4: four or more.
  let before = 0;
  if (end > start && input[start] > 17) {
    const count = next() - 17;
    literals(count);
    before = Math.min(count, 4);
  }
  for (;;) {
    const byte = next();
    let trailing: number;
    if (byte >= 64) {
      const distance = (next() << 3) + ((byte >> 2) & 7) + 1;
      match(distance, (byte >> 5) + 1);
      trailing = byte & 3;
    } else if (byte >= 32) {
      const length = (byte & 31) === 0 ? more(31) : byte & 31;
      const low = next();
      match((next() << 6) + (low >> 2) + 1, length + 2);
      trailing = low & 3;
    } else if (byte >= 16) {
      const length = (byte & 7) === 0 ? more(7) : byte & 7;
      const low = next();
      const distance = ((byte & 8) << 11) + (next() << 6) + (low >> 2);
      if (distance === 0) {
        if (length !== 1) throw damaged('a bad end marker');
        break;
      }
      match(distance + 0x4000, length + 2);
      trailing = low & 3;
    } else if (before === 0) {
      literals((byte === 0 ? more(15) : byte) + 3);
      before = 4;
      continue;
    } else {
      const distance = (byte >> 2) + (next() << 2) + 1;
      if (before === 4) match(distance + 0x800, 3);
      else match(distance, 2);
      trailing = byte & 3;
    }
    literals(trailing);
    before = trailing;
  }
  if (at !== end || to !== limit)
    throw damaged(
      `a block of ${size} bytes unpacks to ${to - from} from ${at - start} of ${end - start} bytes`,
    );
  output.length = to;
}

/**
 * Decompresses an lzop file, of one part or several; whatever checksums it has are verified.
 *
 * @see the lzop program's own format, and the kernel's lib/decompress_unlzo.c
 */
export function unlzo(bytes: Uint8Array, bound: SizeBound = {}): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const output = new Output('lzo', bound, bytes.length * 4);
  let at = 0;
  const need = (count: number) => {
    if (at + count > bytes.length)
      throw new FormatError(
        `lzo: ${count} bytes expected at ${hex(at)}, the file ends at ${hex(bytes.length)}`,
      );
  };
  const u16 = (): number => {
    need(2);
    at += 2;
    return view.getUint16(at - 2);
  };
  const u32 = (): number => {
    need(4);
    at += 4;
    return view.getUint32(at - 4);
  };
  const u8 = (): number => {
    need(1);
    return bytes[at++];
  };
  const header = (): number => {
    need(magic.length);
    if (magic.some((byte, index) => bytes[at + index] !== byte))
      throw new FormatError(`lzo: expected the magic 89 4c 5a 4f 00 0d 0a 1a 0a at ${hex(at)}`);
    at += magic.length;
    const start = at;
    const version = u16();
    u16();
    const recent = version >= 0x940;
    if (recent) u16();
    const method = u8();
    if (method < 1 || method > 3)
      throw new FormatError(`lzo: method ${method} at ${hex(at - 1)}, only LZO1X (1 to 3) is read`);
    if (recent) u8();
    const flags = u32();
    if (flags & (flag.filter | flag.multipart))
      throw new FormatError(
        `lzo: flags ${hex(flags)} at ${hex(at - 4)} ask for a filter or several parts, which are not read`,
      );
    at += recent ? 12 : 8; // mode, time
    const name = u8();
    at += name;
    need(4);
    const verify = flags & flag.headerCrc ? crc32 : adler32;
    const found = verify(bytes.subarray(start, at));
    const stored = u32();
    if (found !== stored)
      throw new FormatError(
        `lzo: checksum of the header is ${hex(found)}, expected ${hex(stored)} (at ${hex(at - 4)})`,
      );
    if (flags & flag.extraField) {
      const extra = u32();
      need(extra + 4);
      at += extra + 4;
    }
    return flags;
  };
  const check = (
    data: Uint8Array,
    sums: readonly (readonly [number | undefined, (of: Uint8Array) => number])[],
  ) => {
    for (const [stored, sum] of sums) {
      if (stored === undefined) continue;
      const found = sum(data);
      if (found !== stored)
        throw new FormatError(
          `lzo: checksum of the block before ${hex(at)} is ${hex(found)}, expected ${hex(stored)}`,
        );
    }
  };
  do {
    const flags = header();
    for (;;) {
      const size = u32();
      if (size === 0) break;
      const packed = u32();
      if (size > largestBlock || packed > size)
        throw new FormatError(`lzo: a block of ${size} bytes packed into ${packed} at ${hex(at - 8)}`);
      const plainAdler = flags & flag.adlerPlain ? u32() : undefined;
      const plainCrc = flags & flag.crcPlain ? u32() : undefined;
      // A stored block has no second pair.
      const packedAdler = flags & flag.adlerPacked && packed < size ? u32() : undefined;
      const packedCrc = flags & flag.crcPacked && packed < size ? u32() : undefined;
      need(packed);
      const data = bytes.subarray(at, at + packed);
      check(data, [
        [packedAdler, adler32],
        [packedCrc, crc32],
      ]);
      const start = output.length;
      if (packed === size) output.append(data);
      else decodeLzo1x(bytes, at, at + packed, output, size);
      at += packed;
      check(output.bytes.subarray(start, output.length), [
        [plainAdler, adler32],
        [plainCrc, crc32],
      ]);
    }
  } while (at < bytes.length);
  return output.done();
}
