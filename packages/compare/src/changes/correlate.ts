import type { Finding } from '@klpkit/findings';
import { clearField } from '../arch/fields.ts';
import type { ObjectModel, Piece, Target } from '../model/model.ts';
import type { Tables } from '../model/tables.ts';
import { coldParentName, isFreshPiece, isNumbered, stemOf } from './names.ts';
import { type Scope, scopesOf } from './scopes.ts';
import { pairStatics } from './statics.ts';
import type { Correlation, PairedBy } from './types.ts';

/** One side of a comparison, before anything is paired. */
export interface Side {
  readonly model: ObjectModel;
  readonly tables: Tables;
}

/** Pairs found so far. */
export class Pairs implements Correlation {
  readonly #forward = new Map<number, Piece>();
  readonly #backward = new Map<number, Piece>();
  readonly #how = new Map<number, PairedBy>();

  readonly afterOf = (piece: Piece): Piece | undefined => this.#forward.get(piece.id);
  readonly beforeOf = (piece: Piece): Piece | undefined => this.#backward.get(piece.id);

  add(before: Piece, after: Piece, by: PairedBy): void {
    this.#forward.set(before.id, after);
    this.#backward.set(after.id, before);
    this.#how.set(after.id, by);
  }

  pairedBy(piece: Piece): PairedBy | undefined {
    return this.#how.get(piece.id);
  }
}

/** Unpaired pieces of both sides that share a stem. */
export interface Group {
  readonly stem: string;
  readonly before: Piece[];
  readonly after: Piece[];
}

/**
 * Pairs the functions and variables of two objects.
 *
 * Functions pair by name, clones by what they do and then by stem: a wrong guess among clones is harmless, since callers that end up
 * at another partner count as changed. Variables carry state, so numbered ones (static locals) pair by who uses them, never by
 * number; where use does not decide, a finding says so (KLP122).
 */
export function correlate(before: Side, after: Side): { correlation: Correlation; findings: Finding[] } {
  const pairs = new Pairs();
  pairNames(before.model, after.model, pairs);
  pairNamesOfFiles(before.model, after.model, pairs);
  pairClones(before.model, after.model, pairs);
  return { correlation: pairs, findings: pairStatics(before, after, pairs) };
}

/** Exact names that each side has once. What carries a number of the compiler's is left for later. */
function pairNames(before: ObjectModel, after: ObjectModel, pairs: Pairs): void {
  const only = (model: ObjectModel, name: string, kind: Piece['kind']): Piece | undefined => {
    const found = model.named(name);
    // Names are seldom shared; a hostile object must not make this quadratic.
    if (found.length > 8) return undefined;
    const [piece, ...others] = found.filter((candidate) => candidate.kind === kind);
    return others.length === 0 ? piece : undefined;
  };
  for (const b of before.pieces) {
    if (isNumbered(b.name) || isFreshPiece(b)) continue;
    if (only(before, b.name, b.kind) !== b) continue;
    const a = only(after, b.name, b.kind);
    if (a && !pairs.beforeOf(a)) pairs.add(b, a, 'name');
  }
}

/** In an object that was linked of several, local names that the object has more than once and each of its files has once. */
function pairNamesOfFiles(before: ObjectModel, after: ObjectModel, pairs: Pairs): void {
  const scopes = scopesOf(before, after);
  if (!scopes) return;
  const once = (model: ObjectModel, scope: Scope, isPaired: (piece: Piece) => boolean) => {
    const found = new Map<string, Piece | undefined>();
    for (const piece of model.pieces) {
      if (isPaired(piece) || isNumbered(piece.name) || isFreshPiece(piece)) continue;
      const key = `${piece.kind} ${piece.name} ${scope(piece)}`;
      found.set(key, found.has(key) ? undefined : piece);
    }
    return found;
  };
  const has = once(after, scopes.after, (piece) => pairs.beforeOf(piece) !== undefined);
  for (const [key, b] of once(before, scopes.before, (piece) => pairs.afterOf(piece) !== undefined)) {
    const a = has.get(key);
    if (b && a) pairs.add(b, a, 'name');
  }
}

function pairClones(before: ObjectModel, after: ObjectModel, pairs: Pairs): void {
  for (const group of groupByStem(before, after, 'function', pairs))
    if (coldParentName(group.stem) === undefined) pairGroup(before, after, group, pairs);
  // A cold part goes with its parent, whatever the numbers.
  for (const b of before.pieces) {
    const parentName = b.kind === 'function' && !pairs.afterOf(b) ? coldParentName(b.name) : undefined;
    if (parentName === undefined) continue;
    const [parent, ...others] = before.named(parentName);
    const partner = parent && others.length === 0 ? pairs.afterOf(parent) : undefined;
    if (!partner) continue;
    const a = after.named(`${partner.name}.cold`).find((piece) => !pairs.beforeOf(piece));
    if (a) pairs.add(b, a, 'stem');
  }
  for (const group of groupByStem(before, after, 'function', pairs)) pairGroup(before, after, group, pairs);
}

function pairGroup(before: ObjectModel, after: ObjectModel, group: Group, pairs: Pairs): void {
  if (group.before.length === 0 || group.after.length === 0) return;
  const settle = (keyOf: (model: ObjectModel, piece: Piece) => string, by: PairedBy) => {
    const free = new Map<string, Piece[]>();
    for (const a of group.after) {
      if (pairs.beforeOf(a)) continue;
      const key = keyOf(after, a);
      const list = free.get(key);
      if (list) list.push(a);
      else free.set(key, [a]);
    }
    for (const list of free.values()) list.reverse();
    for (const b of group.before) {
      if (pairs.afterOf(b)) continue;
      const a = free.get(keyOf(before, b))?.pop();
      if (a) pairs.add(b, a, by);
    }
  };
  if (group.before.length > 1 || group.after.length > 1) settle(digest, 'content');
  settle((_, piece) => piece.name, 'name');
  settle(() => '', 'stem');
}

/** What a function does, as far as it can be told before anything it refers to is paired: its code and the stems of its targets. */
function digest(model: ObjectModel, piece: Piece): string {
  const code = model.content(piece).slice();
  const targets = model.referencesOf(piece).map((reference) => {
    const at = reference.offset - piece.start;
    clearField(code, at, model.arch.fieldMask(reference.type));
    return `${at} ${targetDigest(reference.target)}`;
  });
  return `${String.fromCharCode(...code.subarray(0, 4096))}/${code.length}/${targets.join(',')}`;
}

/** What a reference means, without anything that moves; enough to tell things apart that have no name. */
export function targetDigest(target: Target): string {
  switch (target.kind) {
    case 'external':
      return `${target.name}+${target.offset}`;
    case 'piece':
      return `${stemOf(target.piece.name)}+${target.offset}`;
    case 'string':
    case 'constant':
      return `${JSON.stringify(target.bytes)}+${target.shift ?? 0}`;
    case 'place':
      return target.section.name;
    case 'absolute':
      return `${target.value}`;
  }
}

/** Unpaired live pieces of one kind by stem, in order of the objects. */
export function groupByStem(
  before: ObjectModel,
  after: ObjectModel,
  kind: Piece['kind'],
  pairs: Pairs,
): Group[] {
  const groups = new Map<string, Group>();
  const scopes = scopesOf(before, after);
  const add = (model: ObjectModel, piece: Piece, side: 'before' | 'after') => {
    if (piece.kind !== kind || isFreshPiece(piece) || !isLive(model, piece)) return;
    const stem = stemOf(piece.name);
    const key = scopes ? `${stem} ${scopes[side](piece)}` : stem;
    let group = groups.get(key);
    if (!group) {
      group = { stem, before: [], after: [] };
      groups.set(key, group);
    }
    group[side].push(piece);
  };
  for (const piece of before.pieces) if (!pairs.afterOf(piece)) add(before, piece, 'before');
  for (const piece of after.pieces) if (!pairs.beforeOf(piece)) add(after, piece, 'after');
  return [...groups.values()];
}

/** False for what only the linker, the loader or objtool reads. */
function isLive(model: ObjectModel, piece: Piece): boolean {
  return !['registration', 'ignored', 'table', 'objtool'].includes(model.kindOf(piece.section));
}
