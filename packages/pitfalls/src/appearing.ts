import { STB } from '@klpkit/formats';
import { holdersOf } from './calls.ts';
import { sourceName } from './clones.ts';
import type { UnitEvidence } from './evidence.ts';
import { editedNames, isDeclaredByFix } from './unit.ts';
import { readsIn, writesIn } from './variables.ts';
import { unique } from './words.ts';

/** A static variable that the source has on both sides and only the after object has storage for. */
export interface AppearingVariable {
  readonly name: string;
  /** Functions of the after object that read it, by name, sorted. */
  readonly readers: readonly string[];
  readonly writers: readonly string[];
  /** Those that the fix adds or edits. */
  readonly newReaders: readonly string[];
  /** Those that the fix leaves as they are: they read and wrote it before, and no code came of it. */
  readonly oldReaders: readonly string[];
  readonly oldWriters: readonly string[];
}

/** What only the after object has storage for, though no line of the fix declares it, in the order of the object. */
export function appearingVariables({ comparison, edits = [] }: UnitEvidence): AppearingVariable[] {
  const { after, data, isFresh } = comparison;
  const edited = new Set(editedNames(edits));
  return data.flatMap(({ status, after: piece }) => {
    if (status !== 'new' || !piece || piece.binding !== STB.LOCAL || isFresh(piece)) return [];
    // Which is which of several variables of one name is another question (KLP122).
    if (data.some((other) => other.status === 'removed' && stem(other.name) === stem(piece.name))) return [];
    const kind = after.kindOf(piece.section);
    if ((kind !== 'data' && kind !== 'bss') || isDeclaredByFix(edits, stem(piece.name))) return [];
    const functions = holdersOf(after, piece).filter((one) => one.kind === 'function');
    const readers = unique(
      functions.filter((one) => readsIn(after, one).includes(piece)).map(({ name }) => sourceName(name)),
    );
    const writers = unique(
      functions.filter((one) => writesIn(after, one).includes(piece)).map(({ name }) => sourceName(name)),
    );
    const isOld = (name: string) => !edited.has(name) && hadCode(name);
    const [oldReaders, oldWriters] = [readers.filter(isOld), writers.filter(isOld)];
    if (oldReaders.length === 0 && oldWriters.length === 0) return [];
    return [
      {
        name: piece.name,
        readers,
        writers,
        newReaders: readers.filter((name) => !oldReaders.includes(name)),
        oldReaders,
        oldWriters,
      },
    ];
  });

  function hadCode(name: string): boolean {
    return comparison.before.named(name).some(({ kind }) => kind === 'function');
  }
}

/** The name in the source: `last` of gcc's `last.0` and of clang's `f.last`. */
function stem(name: string): string {
  const parts = name.split('.').filter((part) => !/^\d+$/.test(part));
  return parts.at(-1) ?? name;
}
