import { FormatError, type Section, SHT } from '@klpkit/formats';
import type { ObjectModel, Piece, Reference, Target } from './model.ts';
import { slice } from './references.ts';
import { tableShape } from './sections.ts';

/** One entry of a section such as `__bug_table`: it describes a place in a function. */
export interface TableEntry {
  readonly section: Section;
  readonly index: number;
  /** Bytes from the start of the section. */
  readonly start: number;
  /** Bytes; the last entry of a table may lack its padding. */
  readonly size: number;
  /** The function that the entry's first reference leads to; `undefined` for a place that no function covers. */
  readonly owner: Piece | undefined;
  readonly references: readonly Reference[];
}

/** A stretch without symbols: of `.altinstr_replacement`, `.altinstr_aux`, `.fixup`, or of unnamed constants and code. */
export interface Fragment {
  readonly section: Section;
  readonly start: number;
  readonly end: number;
}

/** The tables of an object by the function they describe. */
export interface Tables {
  readonly entries: readonly TableEntry[];
  of(piece: Piece): readonly TableEntry[];
  /** Entries whose place no function covers. */
  readonly homeless: readonly TableEntry[];
  /**
   * The fragment that starts at `offset`: up to the next place that something refers to, the next symbol, or the end of the section.
   * For sections of kind `fragments`, `rodata` and `text`.
   */
  fragmentAt(section: Section, offset: number): Fragment;
}

/** Longest padding before a function that belongs to it (-fpatchable-function-entry). */
const longestPadding = 64;

/**
 * Cuts the table sections of an object into entries and finds each one's function.
 *
 * @param sizes structure sizes from the kernel's BTF (see `tableStructs`); without them the object itself tells which of the sizes
 *   that kernels have had it has, the newest first
 * @throws {FormatError} when a section is no whole number of entries, with size, relocations and what was expected
 */
export function readTables(model: ObjectModel, sizes?: ReadonlyMap<string, number>): Tables {
  const entries: TableEntry[] = [];
  const byOwner = new Map<number, TableEntry[]>();
  const homeless: TableEntry[] = [];
  for (const section of model.elf.sections) {
    if (model.kindOf(section) !== 'table') continue;
    for (const entry of readTable(model, section, sizes)) {
      entries.push(entry);
      if (!entry.owner) homeless.push(entry);
      else {
        const list = byOwner.get(entry.owner.id);
        if (list) list.push(entry);
        else byOwner.set(entry.owner.id, [entry]);
      }
    }
  }
  let cuts: Map<number, number[]> | undefined;
  return {
    entries,
    homeless,
    of: (piece) => byOwner.get(piece.id) ?? [],
    fragmentAt(section, offset) {
      cuts ??= fragmentCuts(model, entries);
      const points = cuts.get(section.index) ?? [];
      return { section, start: offset, end: firstAbove(points, offset) ?? Math.max(offset, section.size) };
    },
  };
}

function readTable(
  model: ObjectModel,
  section: Section,
  sizes: ReadonlyMap<string, number> | undefined,
): TableEntry[] {
  const shape = tableShape(section.name, sizes, model.arch);
  if (!shape) return [];
  const at = `section ${section.index} (${section.name})`;
  if (section.type === SHT.NOBITS || section.type === SHT.NULL)
    throw new FormatError(`elf: ${at} has type ${section.type} without bytes, expected a table`);
  const references = model.references(section);
  const entrySize = [shape.entrySize, ...(shape.others ?? [])].find((size) =>
    fits(section, references, size, shape.first ?? 0),
  );
  if (entrySize === undefined)
    throw new FormatError(
      `elf: ${at} has ${section.size} bytes and ${references.length} relocations${strideText(references)}, no whole number of entries of ${[shape.entrySize, ...(shape.others ?? [])].join(' or ')} bytes that each have one at ${shape.first ?? 0}`,
    );
  const entries: TableEntry[] = [];
  for (let start = 0; start < section.size; start += entrySize) {
    const size = Math.min(entrySize, section.size - start);
    const own = slice(references, start, start + size);
    entries.push({
      section,
      index: entries.length,
      start,
      size,
      owner: ownerOf(model, own),
      references: own,
    });
  }
  return entries;
}

/** True when a table can be cut into entries of that size: each has its first reference where it belongs, if there are any. */
function fits(section: Section, references: readonly Reference[], size: number, first: number): boolean {
  // The last .parainstructions entry lacks its padding of 4 bytes.
  if (section.size % size !== 0 && section.name !== '.parainstructions') return false;
  if (references.length === 0) return true;
  let starts = 0;
  let last = -1;
  for (const { offset } of references) {
    if (offset % size !== first || offset === last) continue;
    starts++;
    last = offset;
  }
  return starts === Math.ceil(section.size / size);
}

function strideText(references: readonly Reference[]): string {
  const [first, second] = references;
  return first && second ? `, the first two ${second.offset - first.offset} bytes apart` : '';
}

function ownerOf(model: ObjectModel, references: readonly Reference[]): Piece | undefined {
  const target = references[0]?.target;
  if (!target) return undefined;
  if (target.kind === 'piece') return target.piece.kind === 'function' ? target.piece : undefined;
  if (target.kind !== 'place') return undefined;
  if (model.kindOf(target.section) === 'fragments') return undefined;
  // The padding before a function (-fpatchable-function-entry=16,16) belongs to the function behind it.
  const next = firstPieceFrom(model.piecesIn(target.section), target.offset);
  return next?.kind === 'function' && next.start - target.offset <= longestPadding ? next : undefined;
}

/** The first piece that starts at `offset` or later. */
function firstPieceFrom(pieces: readonly Piece[], offset: number): Piece | undefined {
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (pieces[middle].start < offset) low = middle + 1;
    else high = middle;
  }
  return pieces[low];
}

function firstAbove(points: readonly number[], offset: number): number | undefined {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle] <= offset) low = middle + 1;
    else high = middle;
  }
  return points[low];
}

/** Kinds of sections whose references cut fragments. A table's own references into fragment code (an alternative within a slow path) do not. */
const cutting = new Set(['text', 'init', 'data', 'rodata']);

/** Every offset of an unnamed stretch that something refers to: a fragment ends where the next begins. */
function fragmentCuts(model: ObjectModel, entries: readonly TableEntry[]): Map<number, number[]> {
  const points = new Map<number, Set<number>>();
  const add = (section: Section, offset: number) => {
    const known = points.get(section.index);
    if (known) known.add(offset);
    else points.set(section.index, new Set([offset]));
  };
  for (const piece of model.pieces) add(piece.section, piece.start);
  for (const section of model.elf.sections) {
    if (!cutting.has(model.kindOf(section))) continue;
    for (const { target } of model.references(section))
      if (target.kind === 'place') add(target.section, target.offset);
  }
  for (const entry of entries) {
    const replacement = replacementOf(model, entry);
    if (replacement) {
      add(replacement.section, replacement.start);
      add(replacement.section, replacement.end);
    }
  }
  const cuts = new Map<number, number[]>();
  for (const [index, set] of points)
    cuts.set(
      index,
      [...set].sort((a, b) => a - b),
    );
  return cuts;
}

/**
 * The replacement code that an entry of `.altinstructions` or of a feature fixup leads to. In `.altinstructions` its length is the last byte of `struct alt_instr` (`replacementlen`, `alt_len`,
 * `instrlen` in arch/{x86,arm64,s390}/include/asm/alternative.h); zero is legal. It is in a section of its own, or on arm64 in a
 * subsection behind the code that it replaces.
 */
export function replacementOf(model: ObjectModel, entry: TableEntry): Fragment | undefined {
  const fields = tableShape(entry.section.name, undefined, model.arch)?.replacement;
  if (!fields) return undefined;
  const at = (offset: number | undefined) =>
    entry.references.find((reference) => reference.offset - entry.start === offset)?.target;
  const place = placeOf(at(fields.start));
  if (!place) return undefined;
  const { section, offset: start } = place;
  if (fields.end !== undefined) {
    const end = placeOf(at(fields.end), true);
    if (end?.section !== section || end.offset < start || end.offset > section.size) return undefined;
    return { section, start, end: end.offset };
  }
  if (
    model.kindOf(section) !== 'fragments' &&
    section !== placeOf(entry.references[0]?.target, true)?.section
  )
    return undefined;
  const length = model.bytes(entry.section)[entry.start + entry.size - 1];
  return { section, start, end: Math.min(start + length, Math.max(start, section.size)) };
}

/** A place without a symbol, just behind a function too; with `inside` within one as well. */
function placeOf(
  target: Target | undefined,
  inside = false,
): { section: Section; offset: number } | undefined {
  if (target?.kind === 'place') return target;
  if (target?.kind !== 'piece' || !(inside || target.offset >= target.piece.size)) return undefined;
  return { section: target.piece.section, offset: target.piece.start + target.offset };
}
