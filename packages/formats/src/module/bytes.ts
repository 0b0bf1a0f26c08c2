import { decompress, detectCompression } from '../compress/index.ts';
import { FormatError } from '../error.ts';

/** No module has been larger by far; a debug build of a graphics driver has 100 MiB. */
const largestModule = 256 * 1024 * 1024;

/**
 * The ELF bytes of a module file: `.ko` as it is, `.ko.xz`, `.ko.zst` and `.ko.gz` unpacked. What it is is told by its first bytes,
 * not by a name. A signature behind the ELF file stays where it is; {@link readElf} does not mind.
 *
 * @param maxSize the most bytes that the result may have; 256 MiB when not given
 * @throws {FormatError} for anything else, and for damaged data
 */
export async function readModuleBytes(
  bytes: Uint8Array,
  maxSize: number = largestModule,
): Promise<Uint8Array> {
  const format = detectCompression(bytes);
  const module = format ? await decompress(bytes, format, { maxSize }) : bytes;
  if (module[0] === 0x7f && module[1] === 0x45 && module[2] === 0x4c && module[3] === 0x46) return module;
  const found = [...module.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  throw new FormatError(
    `module: expected an ELF file, plain or packed with xz, zstd or gzip; ${format ? `its ${format} data` : 'it'} begins with ${found || 'nothing'}`,
  );
}

const signatureMagic = '~Module signature appended~\n';
/** sizeof(struct module_signature), include/linux/module_signature.h. */
const signatureInfoSize = 12;

/** A module file cut in two. */
export interface SignedModule {
  /** What was signed: the ELF file. */
  readonly module: Uint8Array;
  /** The PKCS#7 message; `undefined` for a module without signature. */
  readonly signature: Uint8Array | undefined;
}

/**
 * Separates a module from the signature behind it.
 *
 * @throws {FormatError} when the trailer tells of a signature longer than the file
 * @see the kernel's kernel/module/signing.c and include/linux/module_signature.h
 */
export function splitSignature(bytes: Uint8Array): SignedModule {
  const magicAt = bytes.length - signatureMagic.length;
  const infoAt = magicAt - signatureInfoSize;
  for (let index = 0; index < signatureMagic.length; index++)
    if (bytes[magicAt + index] !== signatureMagic.charCodeAt(index))
      return { module: bytes, signature: undefined };
  if (infoAt < 0)
    throw new FormatError('module: the signature trailer at offset 0 lacks its 12 bytes of lengths');
  const length = new DataView(bytes.buffer, bytes.byteOffset + infoAt, signatureInfoSize).getUint32(8);
  if (length > infoAt)
    throw new FormatError(
      `module: a signature of ${length} bytes ends at 0x${infoAt.toString(16)}, there is no room for it`,
    );
  return { module: bytes.subarray(0, infoAt - length), signature: bytes.subarray(infoAt - length, infoAt) };
}
