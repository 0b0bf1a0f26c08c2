import { type ElfFile, findSection, readBtf, sameTypes, sectionBytes, typesOfDwarf } from '@klpkit/formats';
import { sameBytes } from '../bytes.ts';
import { compareEnums, type EnumChange } from './enums.ts';
import { compareLayouts, type LayoutChange } from './layouts.ts';

/** Types that differ between two compilations of a unit. */
export interface TypeChanges {
  readonly layouts: readonly LayoutChange[];
  readonly enums: readonly EnumChange[];
}

/**
 * Compares the types of two compilations of a unit: `.BTF` as gcc writes it with `-gbtf` or as {@link typesOfObjects} makes it of
 * debug information, which holds the types of the file and not those inside of functions.
 *
 * @param before empty where the object has none; nothing can be said then
 */
export function compareTypes(before: Uint8Array, after: Uint8Array): TypeChanges {
  // Most fixes change no type, and then the compiler writes the same.
  if (before.length === 0 || after.length === 0 || sameBytes(before, after))
    return { layouts: [], enums: [] };
  const had = readBtf(before);
  const has = readBtf(after);
  if (sameTypes(had, has)) return { layouts: [], enums: [] };
  return { layouts: compareLayouts(had, has), enums: compareEnums(had, has) };
}

/** Where the types of two objects are from. */
export type TypeSource = 'BTF' | 'DWARF';

/**
 * The types of two objects, for {@link compareTypes}: their `.BTF` where both have it, else what their debug information describes.
 * Both come from the same source: compilers put other types into the one than into the other.
 *
 * @returns `undefined` when one of them has neither
 * @throws {FormatError} for malformed debug information
 */
export function typesOfObjects(
  before: ElfFile,
  after: ElfFile,
): { readonly before: Uint8Array; readonly after: Uint8Array; readonly from: TypeSource } | undefined {
  const [had, has] = [before, after].map((elf) => {
    const section = findSection(elf, '.BTF');
    return section && sectionBytes(elf, section);
  });
  if (had && has) return { before: had, after: has, from: 'BTF' };
  const [debugBefore, debugAfter] = [typesOfDwarf(before), typesOfDwarf(after)];
  if (debugBefore.length === 0 || debugAfter.length === 0) return undefined;
  return { before: debugBefore, after: debugAfter, from: 'DWARF' };
}
