import { FormatError } from '../../error.ts';
import { hex } from '../../hex.ts';
import { largest, Output, type SizeBound } from '../output.ts';
import { BlockDecoder, largestBlock } from './block.ts';
import { xxh64Low } from './xxhash.ts';

/** What kernels are packed with (`--ultra -22`); RFC 8878 lets a decoder refuse larger windows. */
const largestWindow = 128 * 1024 * 1024;

/** Bytes of the dictionary id and of the content size, by their two-bit flags; RFC 8878, 3.1.1.1.1. */
const dictionaryIdSizes = [0, 1, 2, 4];
const contentSizes = [0, 2, 4, 8];

/** Reads whole frames; nothing is taken from beyond what was checked to be there. */
class FrameReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get more(): boolean {
    return this.#at < this.#bytes.length;
  }

  #need(count: number, what: string): void {
    if (this.#at + count > this.#bytes.length)
      throw new FormatError(
        `zstd: ${what} at ${hex(this.#at)} needs ${count} bytes, the data ends at ${hex(this.#bytes.length)}`,
      );
  }

  /** The frame header at the reading position, and its size. RFC 8878, 3.1.1.1. */
  header(): {
    readonly size: number;
    readonly content: number | undefined;
    readonly window: number;
    readonly checked: boolean;
  } {
    const at = this.#at;
    const view = this.#view;
    this.#need(6, 'a frame');
    if (view.getUint32(at, true) !== 0xfd2fb528)
      throw new FormatError(`zstd: expected the magic 28 b5 2f fd at ${hex(at)}`);
    const flags = view.getUint8(at + 4);
    if (flags & 8) throw new FormatError(`zstd: reserved bit set in the frame header at ${hex(at + 4)}`);
    if (flags & 3) throw new FormatError(`zstd: the frame at ${hex(at)} needs a dictionary`);
    const single = (flags & 0x20) !== 0;
    const contentSize = flags >> 6 === 0 && single ? 1 : contentSizes[flags >> 6];
    const size = 5 + (single ? 0 : 1) + dictionaryIdSizes[flags & 3] + contentSize;
    this.#need(size, 'a frame header');
    const contentAt = at + size - contentSize;
    let content: number | undefined;
    if (contentSize === 1) content = view.getUint8(contentAt);
    else if (contentSize === 2) content = view.getUint16(contentAt, true) + 256;
    else if (contentSize === 4) content = view.getUint32(contentAt, true);
    else if (contentSize === 8)
      content = view.getUint32(contentAt, true) + view.getUint32(contentAt + 4, true) * 0x100000000;
    const byte = view.getUint8(at + 5);
    const window = single ? (content ?? 0) : 2 ** (10 + (byte >> 3)) * (1 + (byte & 7) / 8);
    // A frame without a window of its own reaches over its content, which is bounded elsewhere.
    if (!single && window > largestWindow)
      throw new FormatError(
        `zstd: the window at ${hex(at + 5)} is ${window} bytes, at most ${largestWindow} are read`,
      );
    return { size, content, window, checked: (flags & 4) !== 0 };
  }

  /** Decodes the frame at the reading position, or passes over one that is to be skipped. */
  frame(output: Output): void {
    this.#need(8, 'a frame');
    if (this.#view.getUint32(this.#at, true) >>> 4 === 0x184d2a5) {
      this.#need(8 + this.#view.getUint32(this.#at + 4, true), 'a skippable frame');
      this.#at += 8 + this.#view.getUint32(this.#at + 4, true);
      return;
    }
    const from = this.#at;
    const { size, content, window, checked } = this.header();
    this.#at += size;
    const start = output.length;
    const decoder = new BlockDecoder(output, window);
    for (let last = false; !last; ) last = this.#block(output, decoder);
    const length = output.length - start;
    if (content !== undefined && length !== content)
      throw new FormatError(
        `zstd: the frame at ${hex(from)} unpacks to ${length} bytes, its header says ${content}`,
      );
    if (!checked) return;
    this.#need(4, 'the checksum');
    const stored = this.#view.getUint32(this.#at, true);
    const found = xxh64Low(output.bytes.subarray(start, output.length));
    if (found !== stored)
      throw new FormatError(`zstd: XXH64 is ${hex(found)}, expected ${hex(stored)} (at ${hex(this.#at)})`);
    this.#at += 4;
  }

  /** Decodes one block; true for the last. RFC 8878, 3.1.1.2. */
  #block(output: Output, decoder: BlockDecoder): boolean {
    this.#need(3, 'a block header');
    const at = this.#at;
    const header = this.#view.getUint16(at, true) | (this.#view.getUint8(at + 2) << 16);
    const type = (header >> 1) & 3;
    const size = header >>> 3;
    if (type === 3 || size > largestBlock)
      throw new FormatError(`zstd: bad block of ${size} bytes, type ${type}, at ${hex(at)}`);
    this.#at += 3;
    const stored = type === 1 ? 1 : size;
    this.#need(stored, 'a block');
    const data = this.#bytes.subarray(this.#at, this.#at + stored);
    if (type === 0) output.append(data);
    else if (type === 1) {
      output.reserve(size);
      output.bytes.fill(data[0], output.length, output.length + size);
      output.length += size;
    } else
      try {
        // The bit readers take four bytes at once; with some to spare behind the block they stay within the array.
        decoder.decode(this.#bytes.subarray(this.#at, this.#at + size + 4), size);
      } catch (error) {
        if (error instanceof FormatError)
          throw new FormatError(`${error.message} (in the block at ${hex(at)})`);
        throw error;
      }
    this.#at += stored;
    return (header & 1) !== 0;
  }
}

/**
 * Decompresses Zstandard frames; their checksum, where there is one, is verified.
 *
 * @see RFC 8878
 */
export function unzstd(bytes: Uint8Array, bound: SizeBound = {}): Uint8Array {
  largest(bound, 'zstd');
  const reader = new FrameReader(bytes);
  const output = new Output('zstd', bound, bytes.length * 5);
  do reader.frame(output);
  while (reader.more);
  return output.done();
}
