import type { ObjectModel, Piece } from '../model/model.ts';
import { ignoredBytes, tableShape } from '../model/sections.ts';
import { replacementOf, type TableEntry } from '../model/tables.ts';
import { describe, fragment, type Sides, sameStretch, withOffset } from './same.ts';
import type { Difference } from './types.ts';

/** Tables whose entries objtool and the compiler add without meaning for what a function does: where its padding and its ftrace entry are. */
export const silentTables: ReadonlySet<string> = new Set(['__patchable_function_entries', '__mcount_loc']);

/** The first difference in what tables say of a function, or `undefined` when they say the same. */
export function tableDifference(sides: Sides, b: Piece, a: Piece): Difference | undefined {
  const had = telling(sides.beforeTables.of(b));
  const has = telling(sides.afterTables.of(a));
  const names = new Set([...had, ...has].map((entry) => entry.section.name));
  for (const name of [...names].sort()) {
    const xs = had.filter((entry) => entry.section.name === name);
    const ys = has.filter((entry) => entry.section.name === name);
    if (xs.length !== ys.length)
      return {
        kind: 'table',
        offset: 0,
        before: entryCount(xs.length, name),
        after: entryCount(ys.length, name),
      };
    for (let index = 0; index < xs.length; index++) {
      if (sameEntry(sides, xs[index], ys[index])) continue;
      const before = entryText(xs[index]);
      const after = entryText(ys[index]);
      const told = before !== after;
      return {
        kind: 'table',
        offset: siteOf(xs[index]),
        before: `${name} entry ${told ? before : entryBytes(sides.before, xs[index])}`,
        after: `${name} entry ${told ? after : entryBytes(sides.after, ys[index])}`,
      };
    }
  }
  return undefined;
}

/** Entries that say something of what the function does, by the place that they describe: their order in the table is the assembler's. */
function telling(entries: readonly TableEntry[]): TableEntry[] {
  return entries
    .filter((entry) => !silentTables.has(entry.section.name))
    .sort((x, y) => siteOf(x) - siteOf(y) || x.section.index - y.section.index || x.index - y.index);
}

/** The place that an entry describes, from the start of its function. */
function siteOf(entry: TableEntry): number {
  const target = entry.references[0]?.target;
  return target?.kind === 'piece' ? target.offset : 0;
}

function entryText(entry: TableEntry): string {
  // The low bits of a jump label's key say which way the branch goes at first (include/linux/jump_label.h).
  return entry.references
    .map(({ target }) =>
      target.kind === 'external' ? withOffset(target.name, target.offset) : describe(target),
    )
    .join(', ');
}

/** For entries that refer to the same: where they are, and their bytes (of an alternative those of the replacement). */
function entryBytes(model: ObjectModel, entry: TableEntry): string {
  const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const own = hex(model.bytes(entry.section).subarray(entry.start, entry.start + entry.size));
  const replacement = replacementOf(model, entry);
  const code = replacement
    ? model.arch
        .instructions(fragment(model, replacement).bytes)
        .map((instruction) => instruction.text)
        .join('; ')
    : undefined;
  return `at 0x${siteOf(entry).toString(16)}: ${own}${code === undefined ? '' : ` (${code || 'nothing'})`}`;
}

function sameEntry(sides: Sides, b: TableEntry, a: TableEntry): boolean {
  const shape = tableShape(b.section.name, undefined, sides.before.arch);
  const ignore = ignoredBytes(shape, b.size);
  const bReplacement = replacementOf(sides.before, b);
  const aReplacement = replacementOf(sides.after, a);
  // The replacement is compared by content over its own length; the generic rule for fragments would run on to the next cut.
  const fields = bReplacement && aReplacement ? shape?.replacement : undefined;
  const skipped = fields ? [fields.start, ...(fields.end === undefined ? [] : [fields.end])] : [];
  const strip = (entry: TableEntry) =>
    entry.references.filter((reference) => !skipped.includes(reference.offset - entry.start));
  if (bReplacement && aReplacement) {
    if (!sameStretch(sides, fragment(sides.before, bReplacement), fragment(sides.after, aReplacement)))
      return false;
  }
  const width = fields?.end === undefined ? 4 : 8;
  const bytes = (model: ObjectModel, entry: TableEntry) =>
    model.bytes(entry.section).subarray(entry.start, entry.start + entry.size);
  return sameStretch(
    sides,
    { bytes: bytes(sides.before, b), start: b.start, references: strip(b) },
    { bytes: bytes(sides.after, a), start: a.start, references: strip(a) },
    [...ignore, ...skipped.map((at): [number, number] => [at, at + width])],
  );
}

function entryCount(count: number, name: string): string {
  return `${count} ${count === 1 ? 'entry' : 'entries'} in ${name}`;
}
