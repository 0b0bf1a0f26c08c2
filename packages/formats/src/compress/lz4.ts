import { FormatError } from '../error.ts';
import { hex } from '../hex.ts';
import { Output, type SizeBound } from './output.ts';

const magic = 0x184c2102;
/** Every block but the last unpacks to exactly this; LZ4 frame format, "Legacy frame". */
const blockSize = 8 * 1024 * 1024;

/** @see the LZ4 block format */
function decodeBlock(input: Uint8Array, start: number, end: number, output: Output): void {
  const damaged = (at: number, what: string) => new FormatError(`lz4: damaged, ${what} at ${hex(at)}`);
  output.reserveUpTo(Math.min(blockSize, (end - start) * 255));
  const bytes = output.bytes;
  const from = output.length;
  const limit = Math.min(bytes.length, from + blockSize);
  let to = from;
  let at = start;
  const more = (length: number): number => {
    let sum = length;
    for (;;) {
      if (at >= end) throw damaged(at, 'a length has no end');
      const byte = input[at++];
      sum += byte;
      if (byte !== 255) return sum;
    }
  };
  while (at < end) {
    const token = input[at++];
    const literals = token >> 4 === 15 ? more(15) : token >> 4;
    if (at + literals > end || to + literals > limit) throw damaged(at, `${literals} literals do not fit`);
    if (literals > 24) bytes.set(input.subarray(at, at + literals), to);
    else for (let index = 0; index < literals; index++) bytes[to + index] = input[at + index];
    at += literals;
    to += literals;
    // The last sequence of a block has literals only.
    if (at === end) break;
    if (at + 2 > end) throw damaged(at, 'a match has no distance');
    const distance = input[at] | (input[at + 1] << 8);
    if (distance === 0 || distance > to - from) throw damaged(at, `a match reaches ${distance} bytes back`);
    at += 2;
    const length = ((token & 15) === 15 ? more(15) : token & 15) + 4;
    if (to + length > limit) throw damaged(at, `a match of ${length} bytes does not fit`);
    for (const last = to + length; to < last; to++) bytes[to] = bytes[to - distance];
  }
  output.length = to;
}

/**
 * Decompresses LZ4's legacy frames, `lz4 -l`, which is what kernels are packed with. The format has no checksum.
 *
 * @see the LZ4 frame format, "Legacy frame"
 */
export function unlz4(bytes: Uint8Array, bound: SizeBound = {}): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8 || view.getUint32(0, true) !== magic)
    throw new FormatError('lz4: expected the legacy magic 02 21 4c 18 at 0x0 and a block');
  const output = new Output('lz4', bound, bytes.length * 4);
  for (let at = 4; at < bytes.length; ) {
    if (at + 4 > bytes.length) throw new FormatError(`lz4: a block size at ${hex(at)} is cut off`);
    const size = view.getUint32(at, true);
    at += 4;
    // Frames that follow one another each begin with the magic.
    if (size === magic) continue;
    if (size > bytes.length - at)
      throw new FormatError(`lz4: the block at ${hex(at)} has ${size} bytes, ${bytes.length - at} are left`);
    decodeBlock(bytes, at, at + size, output);
    at += size;
  }
  return output.done();
}
