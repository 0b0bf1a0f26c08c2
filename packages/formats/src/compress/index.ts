import { FormatError } from '../error.ts';
import { unbzip2 } from './bzip2.ts';
import { gunzip } from './gzip.ts';
import { unlz4 } from './lz4.ts';
import { unlzma } from './lzma.ts';
import { unlzo } from './lzo.ts';
import type { SizeBound } from './output.ts';
import { unxz } from './xz.ts';
import { unzstd } from './zstd/index.ts';

export type { SizeBound };

/** What a kernel image can be packed with; all but `bzip2`, `lzma`, `lzo` and `lz4` are used for modules as well. */
export type Compression = 'gzip' | 'bzip2' | 'lzma' | 'xz' | 'lzo' | 'lz4' | 'zstd';

const magics: readonly (readonly [Compression, ...number[]])[] = [
  ['gzip', 0x1f, 0x8b],
  ['bzip2', 0x42, 0x5a, 0x68],
  ['lzma', 0x5d, 0x00, 0x00],
  ['xz', 0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
  ['lzo', 0x89, 0x4c, 0x5a],
  ['lz4', 0x02, 0x21, 0x4c, 0x18],
  ['zstd', 0x28, 0xb5, 0x2f, 0xfd],
];

/** The format that `bytes` begin like; `undefined` for any other. */
export function detectCompression(bytes: Uint8Array): Compression | undefined {
  return magics.find(([, ...magic]) => magic.every((byte, index) => bytes[index] === byte))?.[0];
}

/**
 * Decompresses `bytes`, which must be the compressed data and nothing else.
 *
 * @throws {FormatError} for damaged data, and for a result of another size than `bound` allows
 */
export async function decompress(
  bytes: Uint8Array,
  format: Compression,
  bound: SizeBound = {},
): Promise<Uint8Array> {
  switch (format) {
    case 'gzip':
      return gunzip(bytes, bound);
    case 'bzip2':
      return unbzip2(bytes, bound);
    case 'lzma':
      return unlzma(bytes, bound);
    case 'xz':
      return unxz(bytes, bound);
    case 'lzo':
      return unlzo(bytes, bound);
    case 'lz4':
      return unlz4(bytes, bound);
    case 'zstd':
      return unzstd(bytes, bound);
    default:
      throw new FormatError(`compression: no decoder for ${String(format)}`);
  }
}
