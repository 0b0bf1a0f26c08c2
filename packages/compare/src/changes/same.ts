import { type Section, SHT } from '@klpkit/formats';
import { type ObjectModel, type Piece, type Reference, slice, type Target } from '../model/model.ts';
import { sectionKind } from '../model/sections.ts';
import type { Tables } from '../model/tables.ts';
import { isFreshPiece, isNumbered, stemOf } from './names.ts';
import type { Correlation } from './types.ts';

/** What both sides of a comparison are looked at with. */
export interface Sides {
  readonly before: ObjectModel;
  readonly after: ObjectModel;
  readonly beforeTables: Tables;
  readonly afterTables: Tables;
  readonly correlation: Correlation;
  /** Pairs of unnamed or fresh pieces that are being compared: a cycle counts as equal. */
  readonly open: Set<string>;
}

/** A target in words, for findings and reports. */
export function describe(target: Target): string {
  switch (target.kind) {
    case 'external':
      return target.name;
    case 'piece':
      return target.offset === 0 ? target.piece.name : `${target.piece.name}+0x${target.offset.toString(16)}`;
    case 'string':
      return JSON.stringify(target.bytes);
    case 'constant':
      return `constant ${[...target.bytes].map((char) => char.charCodeAt(0).toString(16).padStart(2, '0')).join('')}`;
    case 'place':
      return `${target.section.name}+0x${target.offset.toString(16)}`;
    case 'absolute':
      return `0x${target.value.toString(16)}`;
  }
}

/** True when two references mean the same thing on both sides. */
export function sameTarget(sides: Sides, b: Target, a: Target): boolean {
  if (b.kind !== a.kind) return false;
  switch (b.kind) {
    case 'external':
      return a.kind === 'external' && b.name === a.name && b.offset === a.offset;
    case 'string':
    case 'constant':
      return a.kind === b.kind && b.bytes === a.bytes;
    case 'absolute':
      return a.kind === 'absolute' && b.value === a.value;
    case 'piece': {
      if (a.kind !== 'piece' || b.offset !== a.offset) return false;
      const partner = sides.correlation.afterOf(b.piece);
      if (partner) return partner === a.piece;
      if (b.piece.kind !== 'object' || a.piece.kind !== 'object') return false;
      if (sides.correlation.beforeOf(a.piece)) return false;
      return sameUnpaired(sides, b.piece, a.piece);
    }
    case 'place':
      return a.kind === 'place' && samePlace(sides, b, a);
  }
}

/** Fresh variables and unpaired constants: the same when stem, shape and content are. */
function sameUnpaired(sides: Sides, b: Piece, a: Piece): boolean {
  if (stemOf(b.name) !== stemOf(a.name) || b.size !== a.size) return false;
  if (isFreshPiece(b) !== isFreshPiece(a)) return false;
  if (!isFreshPiece(b) && !(isNumbered(b.name) && sectionKind(b.section) === 'rodata')) return false;
  if (sectionKind(b.section) !== sectionKind(a.section)) return false;
  return sameContent(sides, b, a, lineRanges(b));
}

/** `struct _ddebug` keeps the line number in a bit field (include/linux/dynamic_debug.h): bits 0–17 of the word at 32. */
function lineRanges(piece: Piece): readonly (readonly [number, number])[] {
  return piece.section.name === '__dyndbg' ? [[32, 35]] : [];
}

/** True when two variables have the same bytes and refer to the same things, leaving out `ignore`. */
export function sameContent(
  sides: Sides,
  b: Piece,
  a: Piece,
  ignore: readonly (readonly [number, number])[] = [],
): boolean {
  const key = `${b.id}:${a.id}`;
  if (sides.open.has(key)) return true;
  sides.open.add(key);
  try {
    if (b.size !== a.size) return false;
    const bRefs = sides.before.referencesOf(b);
    const aRefs = sides.after.referencesOf(a);
    return sameStretch(
      sides,
      { bytes: sides.before.content(b), start: b.start, references: bRefs },
      { bytes: sides.after.content(a), start: a.start, references: aRefs },
      ignore,
    );
  } finally {
    sides.open.delete(key);
  }
}

export interface Stretch {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly references: readonly Reference[];
}

export function sameStretch(
  sides: Sides,
  b: Stretch,
  a: Stretch,
  ignore: readonly (readonly [number, number])[] = [],
): boolean {
  if (b.bytes.length !== a.bytes.length || b.references.length !== a.references.length) return false;
  const masked = new Uint8Array(b.bytes.length);
  for (const [start, end] of ignore) masked.fill(1, start, end);
  for (let index = 0; index < b.references.length; index++) {
    const rb = b.references[index];
    const ra = a.references[index];
    const at = rb.offset - b.start;
    if (at !== ra.offset - a.start || rb.type !== ra.type) return false;
    masked.fill(1, at, at + (sides.before.arch.fieldWidth(rb.type) ?? 0));
    if (!sameTarget(sides, rb.target, ra.target)) return false;
  }
  return b.bytes.every((byte, index) => masked[index] === 1 || byte === a.bytes[index]);
}

function samePlace(
  sides: Sides,
  b: Extract<Target, { kind: 'place' }>,
  a: Extract<Target, { kind: 'place' }>,
): boolean {
  if (b.section.name !== a.section.name) return false;
  if (sides.before.kindOf(b.section) === 'fragments') {
    const key = `f${b.section.index}:${b.offset}:${a.section.index}:${a.offset}`;
    if (sides.open.has(key)) return true;
    sides.open.add(key);
    try {
      const fb = sides.beforeTables.fragmentAt(b.section, b.offset);
      const fa = sides.afterTables.fragmentAt(a.section, a.offset);
      return sameStretch(sides, fragment(sides.before, fb), fragment(sides.after, fa));
    } finally {
      sides.open.delete(key);
    }
  }
  if (b.section.type === SHT.NOBITS && b.section.size === 0) return true;
  return b.offset === a.offset;
}

export function fragment(
  model: ObjectModel,
  part: { section: Section; start: number; end: number },
): Stretch {
  return {
    bytes: model.bytes(part.section).subarray(part.start, part.end),
    start: part.start,
    references: slice(model.references(part.section), part.start, part.end),
  };
}
