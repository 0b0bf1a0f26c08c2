import { type Compression, decompress, detectCompression } from './compress/index.ts';
import { FormatError } from './error.ts';
import { hex } from './hex.ts';

/** A kernel image as it boots, unpacked. */
export interface BzImage {
  /** Version of the boot protocol, 0x20f for 2.15; 0 for a plain ELF file, which has none. */
  readonly protocol: number;
  /** What the payload was packed with; `none` for a plain ELF file. */
  readonly compression: Compression | 'none';
  /** The `vmlinux` ELF file; behind it, where the kernel is relocatable, its list of relocations. */
  readonly vmlinux: Uint8Array;
  /** Where the payload is in the file, in bytes; without the size word that the build appends. */
  readonly payload: { readonly offset: number; readonly length: number };
}

function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/**
 * Unpacks an x86 kernel image (`vmlinuz`, `bzImage`), or takes a `vmlinux` as it is.
 *
 * @param maxSize the most bytes that the unpacked kernel may have; 512 MiB when not given
 * @throws {FormatError} for anything else, and for a damaged payload
 * @see the kernel's Documentation/arch/x86/boot.rst: setup_sects, header, version, payload_offset, payload_length
 */
export async function readBzImage(bytes: Uint8Array, maxSize?: number): Promise<BzImage> {
  if (isElf(bytes))
    return { protocol: 0, compression: 'none', vmlinux: bytes, payload: { offset: 0, length: bytes.length } };
  if (bytes.length < 0x250)
    throw new FormatError(`bzImage: the header ends at 0x250, the file at ${hex(bytes.length)}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0x202, true) !== 0x53726448)
    throw new FormatError(`bzImage: expected HdrS at 0x202, found ${hex(view.getUint32(0x202, true))}`);
  const protocol = view.getUint16(0x206, true);
  if (protocol < 0x208)
    throw new FormatError(
      `bzImage: boot protocol ${hex(protocol)} at 0x206; the payload's place is told from 0x208 on`,
    );
  const offset = ((bytes[0x1f1] || 4) + 1) * 512 + view.getUint32(0x248, true);
  const length = view.getUint32(0x24c, true);
  if (length < 8 || offset + length > bytes.length)
    throw new FormatError(
      `bzImage: the payload is ${length} bytes at ${hex(offset)} (told at 0x248), the file ends at ${hex(bytes.length)}`,
    );
  const payload = bytes.subarray(offset, offset + length);
  const compression = detectCompression(payload);
  if (!compression) {
    const found = [...payload.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw new FormatError(
      `bzImage: the payload at ${hex(offset)} begins with ${found}, which is no known compression`,
    );
  }
  const size = view.getUint32(offset + length - 4, true);
  // gzip ends in its own size; to every other format the build appends it.
  const packed = compression === 'gzip' ? payload : payload.subarray(0, -4);
  const vmlinux = await decompress(packed, compression, { size, maxSize });
  if (!isElf(vmlinux)) throw new FormatError('bzImage: the payload unpacks to something that is no ELF file');
  return { protocol, compression, vmlinux, payload: { offset, length: packed.length } };
}
