import { FormatError } from '../error.ts';
import { hex } from '../hex.ts';
import { crc32, crc64 } from './checksum.ts';
import { LzmaDecoder } from './lzma.ts';
import { largest, Output, type SizeBound } from './output.ts';
import { undoX86Filter } from './x86.ts';

/** A block of an xz file: LZMA2 data and what to do with the result. */
interface Block {
  readonly dataAt: number;
  readonly dataEnd: number;
  readonly size: number;
  readonly dictionarySize: number;
  /** Start offset of the x86 filter, where there is one. */
  readonly x86: number | undefined;
  readonly check: number;
  readonly checkAt: number;
}

const magic = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];

/** Bytes of each integrity check by its number; XZ file format 2.1.1.2. */
const checkSizes = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

/** Walks the container without decoding anything, so that the whole size is known before memory is taken. */
class XzReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #need(count: number, what: string): void {
    if (this.#at + count > this.#bytes.length)
      throw new FormatError(
        `xz: ${what} at ${hex(this.#at)} needs ${count} bytes, the file ends at ${hex(this.#bytes.length)}`,
      );
  }

  #expectCrc(from: number, to: number, what: string): void {
    const stored = this.#view.getUint32(to, true);
    const found = crc32(this.#bytes.subarray(from, to));
    if (stored !== found)
      throw new FormatError(
        `xz: CRC32 of the ${what} is ${hex(found)}, expected ${hex(stored)} (at ${hex(to)})`,
      );
  }

  /** A number of 1 to 9 bytes, 7 bits each; those above 2^53 are refused. */
  #number(end: number): number {
    let value = 0;
    const from = this.#at;
    for (let shift = 0; shift < 63; shift += 7) {
      if (this.#at >= end) break;
      const byte = this.#bytes[this.#at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER || (byte === 0 && shift > 0)) break;
        return value;
      }
    }
    throw new FormatError(`xz: bad number at ${hex(from)}`);
  }

  blocks(): Block[] {
    const all: Block[] = [];
    do {
      all.push(...this.#stream());
      // Streams may follow one another, with zeros in groups of four between them.
      while (this.#at + 4 <= this.#bytes.length && this.#view.getUint32(this.#at) === 0) this.#at += 4;
    } while (this.#at < this.#bytes.length);
    return all;
  }

  #stream(): Block[] {
    const bytes = this.#bytes;
    const start = this.#at;
    this.#need(12, 'the stream header');
    if (magic.some((byte, index) => bytes[start + index] !== byte))
      throw new FormatError(`xz: no stream header at ${hex(start)}, expected fd 37 7a 58 5a 00`);
    this.#expectCrc(start + 6, start + 8, 'stream header');
    const check = bytes[start + 7];
    if (bytes[start + 6] !== 0 || check > 15)
      throw new FormatError(`xz: unknown stream flags ${bytes[start + 6]}, ${check} at ${hex(start + 6)}`);
    this.#at += 12;
    const blocks: Block[] = [];
    const records: { unpadded: number; size: number }[] = [];
    for (;;) {
      this.#need(1, 'a block or the index');
      if (bytes[this.#at] === 0) break;
      const from = this.#at;
      const block = this.#block(check);
      blocks.push(block);
      const padding = (4 - ((block.dataEnd - from) & 3)) & 3;
      records.push({
        unpadded: block.dataEnd - from + (this.#at - block.dataEnd - padding),
        size: block.size,
      });
    }
    const indexAt = this.#at;
    this.#index(records);
    const indexSize = this.#at - indexAt;
    const footer = this.#at;
    this.#need(12, 'the stream footer');
    const stored = this.#view.getUint32(footer, true);
    const found = crc32(bytes.subarray(footer + 4, footer + 10));
    if (stored !== found)
      throw new FormatError(
        `xz: CRC32 of the stream footer is ${hex(found)}, expected ${hex(stored)} (at ${hex(footer)})`,
      );
    if ((this.#view.getUint32(footer + 4, true) + 1) * 4 !== indexSize)
      throw new FormatError(`xz: the footer at ${hex(footer)} gives another index size than ${indexSize}`);
    if (
      bytes[footer + 8] !== 0 ||
      bytes[footer + 9] !== check ||
      bytes[footer + 10] !== 0x59 ||
      bytes[footer + 11] !== 0x5a
    )
      throw new FormatError(`xz: the footer at ${hex(footer)} does not match the header`);
    this.#at += 12;
    return blocks;
  }

  #block(check: number): Block {
    const bytes = this.#bytes;
    const start = this.#at;
    const headerSize = (bytes[start] + 1) * 4;
    this.#need(headerSize, 'a block header');
    const crcAt = start + headerSize - 4;
    this.#expectCrc(start, crcAt, `block header at ${hex(start)}`);
    const flags = bytes[start + 1];
    if (flags & 0x3c) throw new FormatError(`xz: unknown block flags ${hex(flags)} at ${hex(start + 1)}`);
    this.#at = start + 2;
    const packed = flags & 0x40 ? this.#number(crcAt) : undefined;
    const announced = flags & 0x80 ? this.#number(crcAt) : undefined;
    let x86: number | undefined;
    let dictionarySize: number | undefined;
    for (let left = (flags & 3) + 1; left > 0; left--) {
      const at = this.#at;
      const id = this.#number(crcAt);
      const size = this.#number(crcAt);
      const properties = this.#at;
      if (properties + size > crcAt)
        throw new FormatError(`xz: the filter at ${hex(at)} leaves its block header`);
      this.#at += size;
      if (id === 0x21 && left === 1 && size === 1) dictionarySize = dictionary(bytes[properties], properties);
      else if (id === 0x04 && left === 2 && x86 === undefined && (size === 0 || size === 4))
        x86 = size === 4 ? this.#view.getUint32(properties, true) : 0;
      else
        throw new FormatError(
          `xz: filter ${hex(id)} at ${hex(at)}; only LZMA2 (0x21), alone or behind x86 (0x4), is read`,
        );
    }
    if (dictionarySize === undefined)
      throw new FormatError(`xz: the block at ${hex(start)} has no LZMA2 filter`);
    for (; this.#at < crcAt; this.#at++)
      if (bytes[this.#at] !== 0) throw new FormatError(`xz: padding at ${hex(this.#at)} is not zero`);
    const dataAt = crcAt + 4;
    this.#at = dataAt;
    const size = this.#skipChunks();
    const dataEnd = this.#at;
    if (packed !== undefined && packed !== dataEnd - dataAt)
      throw new FormatError(
        `xz: the block at ${hex(start)} holds ${dataEnd - dataAt} bytes, its header says ${packed}`,
      );
    if (announced !== undefined && announced !== size)
      throw new FormatError(
        `xz: the block at ${hex(start)} unpacks to ${size} bytes, its header says ${announced}`,
      );
    const padding = (4 - ((dataEnd - start) & 3)) & 3;
    this.#need(padding + checkSizes[check], 'a block check');
    for (let index = 0; index < padding; index++)
      if (bytes[dataEnd + index] !== 0)
        throw new FormatError(`xz: padding at ${hex(dataEnd + index)} is not zero`);
    const checkAt = dataEnd + padding;
    this.#at = checkAt + checkSizes[check];
    return { dataAt, dataEnd, size, dictionarySize, x86, check, checkAt };
  }

  /** Passes over LZMA2 chunks up to and with their end byte; returns what they unpack to. */
  #skipChunks(): number {
    const bytes = this.#bytes;
    let size = 0;
    for (;;) {
      this.#need(1, 'an LZMA2 chunk');
      const control = bytes[this.#at];
      if (control === 0) {
        this.#at++;
        return size;
      }
      if (control > 2 && control < 0x80)
        throw new FormatError(`xz: LZMA2 control byte ${hex(control)} at ${hex(this.#at)}`);
      const header = chunkHeader(control);
      this.#need(header, 'an LZMA2 chunk');
      const unpacked = chunkSize(bytes, this.#at);
      const packed = control < 0x80 ? unpacked : this.#view.getUint16(this.#at + 3) + 1;
      this.#need(header + packed, 'an LZMA2 chunk');
      this.#at += header + packed;
      size += unpacked;
    }
  }

  #index(records: readonly { unpadded: number; size: number }[]): void {
    const bytes = this.#bytes;
    const start = this.#at++;
    const count = this.#number(bytes.length);
    if (count !== records.length)
      throw new FormatError(
        `xz: the index at ${hex(start)} lists ${count} blocks, there are ${records.length}`,
      );
    for (const record of records) {
      const at = this.#at;
      if (this.#number(bytes.length) !== record.unpadded || this.#number(bytes.length) !== record.size)
        throw new FormatError(`xz: the index at ${hex(at)} disagrees with its block`);
    }
    for (; (this.#at - start) & 3; this.#at++)
      if (bytes[this.#at] !== 0) throw new FormatError(`xz: padding at ${hex(this.#at)} is not zero`);
    this.#need(4, 'the index check');
    this.#expectCrc(start, this.#at, 'index');
    this.#at += 4;
  }
}

function dictionary(byte: number, at: number): number {
  if (byte > 40) throw new FormatError(`xz: dictionary size ${byte} at ${hex(at)}, at most 40 exists`);
  return byte === 40 ? 0xffffffff : (2 | (byte & 1)) * 2 ** ((byte >> 1) + 11);
}

function chunkHeader(control: number): number {
  return control < 0x80 ? 3 : control < 0xc0 ? 5 : 6;
}

function chunkSize(bytes: Uint8Array, at: number): number {
  const high = bytes[at] < 0x80 ? 0 : (bytes[at] & 0x1f) << 16;
  return high + (bytes[at + 1] << 8) + bytes[at + 2] + 1;
}

/** Decodes the chunks of a block that {@link XzReader} has walked, so that lengths need no second check. */
function decodeChunks(bytes: Uint8Array, block: Block, output: Output): void {
  const decoder = new LzmaDecoder('xz', bytes, output);
  decoder.dictionarySize = block.dictionarySize;
  decoder.dictionaryStart = output.length;
  let known = false;
  let properties = false;
  let at = block.dataAt;
  for (;;) {
    const control = bytes[at];
    if (control === 0) return;
    const resets = control === 1 || control >= 0xe0;
    if (resets) {
      decoder.dictionaryStart = output.length;
      properties = false;
    }
    if (!resets && !known)
      throw new FormatError(`xz: the first LZMA2 chunk, at ${hex(at)}, keeps the dictionary`);
    known = true;
    const size = chunkSize(bytes, at);
    const data = at + chunkHeader(control);
    if (control < 0x80) {
      output.append(bytes.subarray(data, data + size));
      at = data + size;
      continue;
    }
    const end = data + (bytes[at + 3] << 8) + bytes[at + 4] + 1;
    if (control >= 0xc0) {
      decoder.setProperties(bytes[at + 5]);
      properties = true;
    } else if (!properties)
      throw new FormatError(`xz: the LZMA2 chunk at ${hex(at)} comes before any properties`);
    else if (control >= 0xa0) decoder.resetState();
    decoder.begin(data, end);
    if (decoder.run(output.length + size) || !decoder.finished())
      throw new FormatError(`xz: the LZMA2 chunk at ${hex(at)} is damaged`);
    at = end;
  }
}

async function verify(bytes: Uint8Array, block: Block, unpacked: Uint8Array<ArrayBuffer>): Promise<void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset + block.checkAt);
  let good = true;
  let name = '';
  if (block.check === 1) {
    name = 'CRC32';
    good = crc32(unpacked) === view.getUint32(0, true);
  } else if (block.check === 4) {
    name = 'CRC64';
    const [low, high] = crc64(unpacked);
    good = low === view.getUint32(0, true) && high === view.getUint32(4, true);
  } else if (block.check === 10) {
    name = 'SHA-256';
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', unpacked));
    good = digest.every((byte, index) => byte === view.getUint8(index));
  } else if (block.check !== 0) throw new FormatError(`xz: unknown integrity check ${block.check}`);
  if (!good) throw new FormatError(`xz: the ${name} at ${hex(block.checkAt)} does not match the data`);
}

/**
 * Decompresses an xz file: LZMA2 with or without the x86 filter, and verifies its integrity check (none, CRC32, CRC64 or SHA-256).
 *
 * @see the XZ file format 1.1.0
 */
export async function unxz(bytes: Uint8Array, bound: SizeBound = {}): Promise<Uint8Array> {
  const blocks = new XzReader(bytes).blocks();
  const size = blocks.reduce((sum, block) => sum + block.size, 0);
  const max = largest(bound, 'xz');
  if (size > max || (bound.size !== undefined && size !== bound.size))
    throw new FormatError(
      `xz: unpacks to ${size} bytes, ${bound.size === undefined ? `at most ${max} are allowed` : `${max} were announced`}`,
    );
  const output = new Output('xz', { size, maxSize: size }, 0);
  for (const block of blocks) {
    const start = output.length;
    decodeChunks(bytes, block, output);
    const unpacked = output.bytes.subarray(start, output.length) as Uint8Array<ArrayBuffer>;
    if (block.x86 !== undefined) undoX86Filter(unpacked, block.x86);
    await verify(bytes, block, unpacked);
  }
  return output.done();
}
