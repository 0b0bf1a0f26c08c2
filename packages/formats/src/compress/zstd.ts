import { ZSTDDecoder } from 'zstddec/stream';
import { FormatError } from '../error.ts';
import { Output, type SizeBound } from './output.ts';

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** Kernels are packed with `--ultra -22`, whose window this is; RFC 8878 lets a decoder refuse larger ones. */
const largestWindow = 128 * 1024 * 1024;

/** Bytes of the dictionary id and of the content size, by their two-bit flags; RFC 8878, 3.1.1.1.1. */
const dictionaryIdSizes = [0, 1, 2, 4];
const contentSizes = [0, 2, 4, 8];

/**
 * Walks frames and block headers without decoding, since the decoder neither notices that data ends early nor bounds its window.
 *
 * @returns the frames' content size where every one tells it
 * @see RFC 8878, section 3.1
 */
function checkFrames(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let total: number | undefined = 0;
  let at = 0;
  const need = (count: number, what: string) => {
    if (at + count > bytes.length)
      throw new FormatError(
        `zstd: ${what} at ${hex(at)} needs ${count} bytes, the data ends at ${hex(bytes.length)}`,
      );
  };
  do {
    need(8, 'a frame');
    const magic = view.getUint32(at, true);
    if (magic >>> 4 === 0x184d2a5) {
      const skipped = view.getUint32(at + 4, true);
      need(8 + skipped, 'a skippable frame');
      at += 8 + skipped;
      continue;
    }
    if (magic !== 0xfd2fb528) throw new FormatError(`zstd: expected the magic 28 b5 2f fd at ${hex(at)}`);
    const flags = view.getUint8(at + 4);
    if (flags & 8) throw new FormatError(`zstd: reserved bit set in the frame header at ${hex(at + 4)}`);
    const single = (flags & 0x20) !== 0;
    const sizeBytes = flags >> 6 === 0 && single ? 1 : contentSizes[flags >> 6];
    const headerSize = 5 + (single ? 0 : 1) + dictionaryIdSizes[flags & 3] + sizeBytes;
    need(headerSize, 'a frame header');
    if ((flags & 3) !== 0) throw new FormatError(`zstd: the frame at ${hex(at)} needs a dictionary`);
    const contentAt = at + headerSize - sizeBytes;
    let content: number | undefined;
    if (sizeBytes === 1) content = view.getUint8(contentAt);
    else if (sizeBytes === 2) content = view.getUint16(contentAt, true) + 256;
    else if (sizeBytes === 4) content = view.getUint32(contentAt, true);
    else if (sizeBytes === 8)
      content = view.getUint32(contentAt, true) + view.getUint32(contentAt + 4, true) * 0x100000000;
    let window = content ?? 0;
    if (!single) {
      const byte = view.getUint8(at + 5);
      window = 2 ** (10 + (byte >> 3)) * (1 + (byte & 7) / 8);
    }
    // Without a window of its own a frame needs at most its content, which the caller bounds.
    if (!single && window > largestWindow)
      throw new FormatError(
        `zstd: the window at ${hex(at + 5)} is ${window} bytes, at most ${largestWindow} are read`,
      );
    total = total === undefined || content === undefined ? undefined : total + content;
    at += headerSize;
    let last = false;
    while (!last) {
      need(3, 'a block header');
      const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
      last = (header & 1) !== 0;
      const type = (header >> 1) & 3;
      if (type === 3) throw new FormatError(`zstd: reserved block type at ${hex(at)}`);
      const size = 3 + (type === 1 ? 1 : header >>> 3);
      need(size, 'a block');
      at += size;
    }
    if (flags & 4) {
      need(4, 'the checksum');
      at += 4;
    }
  } while (at < bytes.length);
  return total;
}

/**
 * Decompresses Zstandard frames; their checksum, where there is one, is verified.
 *
 * @see RFC 8878
 */
export async function unzstd(bytes: Uint8Array, bound: SizeBound = {}): Promise<Uint8Array> {
  const content = checkFrames(bytes);
  if (content !== undefined && bound.size !== undefined && content !== bound.size)
    throw new FormatError(`zstd: the frames hold ${content} bytes where ${bound.size} were announced`);
  const output = new Output(
    'zstd',
    content === undefined ? bound : { ...bound, size: content },
    bytes.length * 4,
  );
  const decoder = new ZSTDDecoder();
  await decoder.init();
  // The decoder looks at no error code: after damage it returns nothing for ever.
  let idle = 0;
  try {
    for (const part of decoder.decodeStreaming([bytes])) {
      idle = part.length === 0 ? idle + 1 : 0;
      if (idle > 8) throw new FormatError(`zstd: damaged, at output offset ${hex(output.length)}`);
      output.append(part);
    }
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(`zstd: damaged, at output offset ${hex(output.length)} (${String(error)})`);
  }
  return output.done();
}
