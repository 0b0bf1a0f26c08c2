import { type EnumChange, type LayoutChange, nameOfType, type TypeFacts } from '@klpkit/compare';
import type { Btf } from '@klpkit/formats';
import { type Kernel, loadImage } from '@klpkit/kernel';
import { enumInWords, shippedInWords, shippedType, typesOfKernel } from './kernel-types.ts';
import { sourcesNaming } from './scan.ts';
import { usersInWords } from './words.ts';

/** What differs between two objects and is known outside of them. */
export interface Outward {
  readonly layouts: readonly LayoutChange[];
  readonly enums: readonly EnumChange[];
  /** Functions whose prototypes change. */
  readonly functions: readonly string[];
}

/** What a kernel knows of that. */
export interface HeldAgainst {
  /** @param before the types of the object before */
  layout(change: LayoutChange, before: Btf): TypeFacts;
  enumeration(change: EnumChange): TypeFacts;
  /** Who else names a function, as the end of a sentence. */
  function(name: string): string;
}

/**
 * Holds what differs between two objects of an unknown unit against a kernel: its own types, and the text of its source, the unit's
 * own among it.
 */
export async function holdAgainst(
  kernel: Kernel,
  { layouts, enums, functions }: Outward,
  signal?: AbortSignal,
): Promise<HeldAgainst> {
  const enumerators = ({ changed }: EnumChange) => changed.slice(0, 4).map(({ name }) => name);
  const types = [...layouts.map(nameOfType), ...enums.flatMap(enumerators)];
  const naming = await sourcesNaming(kernel, [...types, ...functions], signal);
  const files = (names: readonly string[]) =>
    [...new Set(names.flatMap((name) => naming.get(name)?.files ?? []))].sort();
  const all =
    types.length === 0 ? [] : await typesOfKernel(kernel, await loadImage(kernel), [], files(types), signal);
  return {
    layout(change, before) {
      const found = shippedType(all, change, before);
      return {
        users: usersInWords(found.users, files([nameOfType(change)])),
        evidence: [shippedInWords(all, found, change), "text of the kernel's source"],
      };
    },
    enumeration: (change) => ({
      users: usersInWords(undefined, files(enumerators(change))),
      evidence: [...enumInWords(all, change), "text of the kernel's source"],
    }),
    function: (name) => usersInWords(undefined, files([name])),
  };
}
