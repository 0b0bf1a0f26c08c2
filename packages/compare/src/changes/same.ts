import { type Section, SHT } from '@klpkit/formats';
import { type ObjectModel, type Piece, type Reference, slice, type Target } from '../model/model.ts';
import { constantEnd } from '../model/references.ts';
import type { Fragment, Tables } from '../model/tables.ts';
import { debugSections, isFreshPiece, isNumbered, stemOf } from './names.ts';
import type { Correlation } from './types.ts';

/** What both sides of a comparison are looked at with. */
export interface Sides {
  readonly before: ObjectModel;
  readonly after: ObjectModel;
  readonly beforeTables: Tables;
  readonly afterTables: Tables;
  readonly correlation: Correlation;
  readonly verdicts: Verdicts;
}

/** Chains of unnamed things that refer to each other are shorter than this; a longer one counts as different. */
const longestChain = 256;

/**
 * What is known of pairs of things without identity (fresh variables, unnamed constants), which may refer to each other in cycles: a
 * pair that is being compared counts as equal, and all assumptions hold once the outermost comparison has found no difference.
 */
export class Verdicts {
  readonly #equal = new Set<string>();
  readonly #different = new Set<string>();
  readonly #assumed = new Set<string>();
  #depth = 0;

  /** True when the pair `key` is equal; `compare` decides when that is not known. */
  decide(key: string, compare: () => boolean): boolean {
    if (this.#equal.has(key) || this.#assumed.has(key)) return true;
    if (this.#different.has(key) || this.#depth === longestChain) return false;
    this.#assumed.add(key);
    this.#depth++;
    let equal = false;
    try {
      equal = compare();
    } finally {
      this.#depth--;
      if (!equal) this.#different.add(key);
      if (this.#depth === 0) {
        if (equal) for (const assumed of this.#assumed) this.#equal.add(assumed);
        this.#assumed.clear();
      }
    }
    return equal;
  }
}

/** Longest literal that a finding shows in full. */
const longestShown = 64;

/** A target in words, for findings and reports. */
export function describe(target: Target): string {
  switch (target.kind) {
    case 'external':
      return target.name;
    case 'piece':
      return withOffset(target.piece.name, target.offset);
    case 'string':
      return withOffset(
        JSON.stringify(
          target.bytes.length > longestShown ? `${target.bytes.slice(0, longestShown)}…` : target.bytes,
        ),
        target.shift ?? 0,
      );
    case 'constant':
      return withOffset(
        `constant ${[...target.bytes.slice(0, longestShown)].map((char) => char.charCodeAt(0).toString(16).padStart(2, '0')).join('')}`,
        target.shift ?? 0,
      );
    case 'place':
      return withOffset(target.section.name, target.offset);
    case 'absolute':
      return `0x${target.value.toString(16)}`;
  }
}

/** `name+0x8`, `name-0x8`, or the name alone. */
export function withOffset(name: string, offset: number): string {
  if (offset === 0) return name;
  return offset < 0 ? `${name}-0x${(-offset).toString(16)}` : `${name}+0x${offset.toString(16)}`;
}

/** True when two references are of one form: a branch to a symbol (PLT32) and to a place of this object (PC32) are. */
export function sameForm(sides: Sides, b: number, a: number): boolean {
  const { arch } = sides.before;
  return b === a || arch.form(b) === arch.form(a);
}

/** True when two references mean the same thing on both sides. */
export function sameTarget(sides: Sides, b: Target, a: Target): boolean {
  if (b.kind !== a.kind) return false;
  switch (b.kind) {
    case 'external':
      return a.kind === 'external' && b.name === a.name && b.offset === a.offset;
    case 'string':
    case 'constant':
      return a.kind === b.kind && b.bytes === a.bytes && (b.shift ?? 0) === (a.shift ?? 0);
    case 'absolute':
      return a.kind === 'absolute' && b.value === a.value;
    case 'piece': {
      if (a.kind !== 'piece' || b.offset !== a.offset) return false;
      if ((b.isBehind || a.isBehind) && !sameBehind(sides, b.piece, a.piece)) return false;
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

/**
 * What stands behind two pieces, up to the next thing that something refers to. A reference there may mean the end of the piece, or an
 * anonymous table that begins there; only equal bytes make both the same.
 */
function sameBehind(sides: Sides, b: Piece, a: Piece): boolean {
  const had = sides.beforeTables.fragmentAt(b.section, b.start + b.size);
  const has = sides.afterTables.fragmentAt(a.section, a.start + a.size);
  if (had.start >= had.end && has.start >= has.end) return true;
  const x = fragment(sides.before, had);
  const y = fragment(sides.after, has);
  // Where the piece was the last of its section, the other side may have alignment behind it.
  const size = Math.min(x.bytes.length, y.bytes.length);
  const rest = x.bytes.length > size ? x.bytes : y.bytes;
  if (rest.subarray(size).some((byte) => byte !== 0) || x.references.length !== y.references.length)
    return false;
  const key = `behind ${b.id}:${a.id}`;
  return sides.verdicts.decide(key, () =>
    sameStretch(
      sides,
      { ...x, bytes: x.bytes.subarray(0, size) },
      { ...y, bytes: y.bytes.subarray(0, size) },
    ),
  );
}

/** Fresh variables and unpaired constants: the same when stem, shape and content are. */
function sameUnpaired(sides: Sides, b: Piece, a: Piece): boolean {
  if (stemOf(b.name) !== stemOf(a.name) || b.size !== a.size) return false;
  if (isFreshPiece(b) !== isFreshPiece(a)) return false;
  const kind = sides.before.kindOf(b.section);
  // Registered ones are never paired: `___tp_str.3` of tracepoint_string().
  if (!isFreshPiece(b) && !(isNumbered(b.name) && (kind === 'rodata' || kind === 'registration')))
    return false;
  if (kind !== sides.after.kindOf(a.section)) return false;
  return sides.verdicts.decide(`${b.id}:${a.id}`, () =>
    sameContent(sides, b, a, lineRanges(b, sides.before.arch.littleEndian)),
  );
}

/** Bytes that do not count in a comparison; with `bits`, only those bits of each. */
export type Ignored = readonly [start: number, end: number, bits?: number];

/** `struct _ddebug` keeps the line number in a bit field (include/linux/dynamic_debug.h): the first 18 bits of the word at 32. */
function lineRanges(piece: Piece, littleEndian: boolean): readonly Ignored[] {
  if (!debugSections.has(piece.section.name)) return [];
  return [
    [32, 34],
    [34, 35, littleEndian ? 0x03 : 0xc0],
  ];
}

/** True when two variables have the same bytes and refer to the same things, leaving out `ignore`. */
export function sameContent(sides: Sides, b: Piece, a: Piece, ignore: readonly Ignored[] = []): boolean {
  if (b.size !== a.size) return false;
  if (b.section.type === SHT.NOBITS && a.section.type === SHT.NOBITS) return true;
  return sameStretch(
    sides,
    { bytes: sides.before.content(b), start: b.start, references: sides.before.referencesOf(b) },
    { bytes: sides.after.content(a), start: a.start, references: sides.after.referencesOf(a) },
    ignore,
  );
}

/** Bytes of a section with the references that they make. */
export interface Stretch {
  readonly bytes: Uint8Array;
  /** Where the bytes are in the section that the references count from. */
  readonly start: number;
  readonly references: readonly Reference[];
}

/** Marks the bits that a field fills. */
export function maskField(masked: Uint8Array, at: number, mask: Uint8Array | undefined): void {
  for (let index = 0; mask && index < mask.length && at + index < masked.length; index++)
    masked[at + index] |= mask[index];
}

/** True when two stretches have the same bytes outside relocated fields and refer to the same things. */
export function sameStretch(sides: Sides, b: Stretch, a: Stretch, ignore: readonly Ignored[] = []): boolean {
  if (b.bytes.length !== a.bytes.length || b.references.length !== a.references.length) return false;
  const masked = new Uint8Array(b.bytes.length);
  for (const [start, end, bits] of ignore) masked.fill(bits ?? 0xff, start, end);
  for (let index = 0; index < b.references.length; index++) {
    const rb = b.references[index];
    const ra = a.references[index];
    const at = rb.offset - b.start;
    if (at !== ra.offset - a.start || !sameForm(sides, rb.type, ra.type)) return false;
    maskField(masked, at, sides.before.arch.fieldMask(rb.type));
    if (!sameTarget(sides, rb.target, ra.target)) return false;
  }
  return b.bytes.every((byte, index) => ((byte ^ a.bytes[index]) & ~masked[index]) === 0);
}

type Place = Extract<Target, { kind: 'place' }>;

/**
 * A place without a symbol has no identity but its content. Code, constants and fragments are compared from there to where the next
 * one begins; a variable without a name is the same only when its whole section is.
 */
function samePlace(sides: Sides, b: Place, a: Place): boolean {
  const kind = sides.before.kindOf(b.section);
  if (kind !== sides.after.kindOf(a.section)) return false;
  const key = `place ${b.section.index}:${b.offset}:${a.section.index}:${a.offset}`;
  const inside = ({ section, offset }: Place) => offset >= 0 && offset < section.size;
  return sides.verdicts.decide(key, () => {
    if ((kind === 'fragments' || kind === 'rodata' || kind === 'text') && inside(b) && inside(a)) {
      const fb = sides.beforeTables.fragmentAt(b.section, b.offset);
      const fa = sides.afterTables.fragmentAt(a.section, a.offset);
      return sameStretch(sides, fragment(sides.before, fb), fragment(sides.after, fa));
    }
    // A constant that holds an address, which its bytes do not show.
    if (kind === 'constants' && inside(b) && inside(a)) {
      const whole = ({ section, offset }: Place) => ({
        section,
        start: offset,
        end: constantEnd(section, offset),
      });
      return sameStretch(sides, fragment(sides.before, whole(b)), fragment(sides.after, whole(a)));
    }
    return (
      b.section.name === a.section.name && b.offset === a.offset && sameSection(sides, b.section, a.section)
    );
  });
}

/** True when two sections have the same content as a whole. */
export function sameSection(sides: Sides, b: Section, a: Section): boolean {
  if (b.type !== a.type || b.flags !== a.flags || b.size !== a.size) return false;
  return sameStretch(
    sides,
    { bytes: sides.before.bytes(b), start: 0, references: sides.before.references(b) },
    { bytes: sides.after.bytes(a), start: 0, references: sides.after.references(a) },
  );
}

/** The content of a fragment. */
export function fragment(model: ObjectModel, part: Fragment): Stretch {
  return {
    bytes: model.bytes(part.section).subarray(part.start, part.end),
    start: part.start,
    references: slice(model.references(part.section), part.start, part.end),
  };
}
