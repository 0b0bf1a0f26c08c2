import { FormatError } from '../error.ts';
import { Output, type SizeBound } from './output.ts';

/**
 * Decompresses a gzip file, which must be all of `bytes`; its CRC is verified.
 *
 * @see RFC 1952
 */
export async function gunzip(bytes: Uint8Array, bound: SizeBound = {}): Promise<Uint8Array> {
  if (bytes.length < 18) throw new FormatError(`gzip: 18 bytes are the least, the file has ${bytes.length}`);
  // The last word is the size modulo 2^32: a good guess, and no more than that. One byte of deflate is at most 1032.
  const tail = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4, 4).getUint32(0, true);
  const output = new Output('gzip', bound, Math.min(tail, bytes.length * 16));
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new DecompressionStream('gzip'));
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) output.append(next.value);
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    if (error instanceof FormatError) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new FormatError(
      `gzip: damaged, at output offset ${output.length} (${cause instanceof Error ? cause.message : String(cause)})`,
    );
  }
  return output.done();
}
