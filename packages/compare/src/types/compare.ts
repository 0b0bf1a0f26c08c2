import { readBtf } from '@klpkit/formats';
import { compareEnums, type EnumChange } from './enums.ts';
import { compareLayouts, type LayoutChange } from './layouts.ts';

/** Types that differ between two compilations of a unit. */
export interface TypeChanges {
  readonly layouts: readonly LayoutChange[];
  readonly enums: readonly EnumChange[];
}

/**
 * Compares the types of two compilations of a unit: `.BTF` as the compiler writes it with `-gbtf`, which holds the types of the file
 * and not those inside of functions.
 *
 * @param before empty where the compiler writes none; nothing can be said then
 */
export function compareTypes(before: Uint8Array, after: Uint8Array): TypeChanges {
  if (before.length === 0 || after.length === 0) return { layouts: [], enums: [] };
  const had = readBtf(before);
  const has = readBtf(after);
  return { layouts: compareLayouts(had, has), enums: compareEnums(had, has) };
}
