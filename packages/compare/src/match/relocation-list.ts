import { type ElfFile, FormatError, SHT } from '@klpkit/formats';

/** What a listed place of the image holds. */
export type ListedKind = '64' | '32' | 'inverse';

/**
 * The relocation list behind a relocatable x86 `vmlinux`: where the boot code adds the load offset.
 * Addresses are signed and ascending; arrays share one index.
 */
export interface RelocationList {
  readonly address: Int32Array;
  /** 0: a 64-bit address; 1: a 32-bit address; 2: a 32-bit distance to a per-CPU symbol, from which the offset is taken away. */
  readonly kind: Uint8Array;
}

/** The kinds of relocation by their number in {@link RelocationList}. */
export const listedKinds: readonly ListedKind[] = ['64', '32', 'inverse'];

/** Where the ELF file itself ends: behind its last header, section and segment. */
function elfEnd(elf: ElfFile): number {
  const { view, littleEndian: little } = elf;
  let end = Number(view.getBigUint64(40, little)) + view.getUint16(60, little) * 64;
  for (const section of elf.sections)
    if (section.type !== SHT.NOBITS && section.type !== SHT.NULL)
      end = Math.max(end, section.offset + section.size);
  for (const segment of elf.segments) end = Math.max(end, segment.offset + segment.fileSize);
  return end;
}

/**
 * Reads the relocation list that the build appends to `vmlinux` before compressing it. `undefined` when nothing follows the ELF file.
 *
 * @throws {FormatError} when what follows is no such list
 * @see the kernel's arch/x86/tools/relocs.c, `emit_relocs()`, and arch/x86/boot/compressed/misc.c, `handle_relocations()`:
 * a zero, 64-bit places; a zero, inverse 32-bit places (absent in kernels without them); a zero, 32-bit places; read from the end
 */
export function readRelocationList(elf: ElfFile): RelocationList | undefined {
  const start = elfEnd(elf);
  const length = elf.bytes.length - start;
  if (length <= 0) return undefined;
  if (length % 4 !== 0)
    throw new FormatError(
      `vmlinux: ${length} bytes follow the ELF file at 0x${start.toString(16)}, no multiple of 4`,
    );
  const count = length / 4;
  const words = new Int32Array(count);
  for (let index = 0; index < count; index++)
    words[index] = elf.view.getInt32(start + index * 4, elf.littleEndian);
  const zeros: number[] = [];
  for (let index = 0; index < count; index++) if (words[index] === 0) zeros.push(index);
  if (zeros[0] !== 0 || zeros.length < 2 || zeros.length > 3)
    throw new FormatError(
      `vmlinux: the relocation list at 0x${start.toString(16)} has ${zeros.length} zero words, the first at word ${zeros[0]}; expected 2 or 3 and 0`,
    );
  const kinds = zeros.length === 3 ? [0, 2, 1] : [0, 1];
  const total = count - zeros.length;
  // Sorting pairs as one double: the address in the high part, the kind in the low.
  const keys = new Float64Array(total);
  let at = 0;
  zeros.forEach((zero, group) => {
    const end = zeros[group + 1] ?? count;
    for (let index = zero + 1; index < end; index++) keys[at++] = words[index] * 4 + kinds[group];
  });
  keys.sort();
  const address = new Int32Array(total);
  const kind = new Uint8Array(total);
  for (let index = 0; index < total; index++) {
    const value = Math.floor(keys[index] / 4);
    address[index] = value;
    kind[index] = keys[index] - value * 4;
  }
  return { address, kind };
}
