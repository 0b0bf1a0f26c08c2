import type { Finding } from '@klpkit/findings';
import type { ObjectModel, Piece, Reference } from '../model/model.ts';
import { isFreshPiece, isNumbered, stemOf } from './names.ts';
import type { Correlation, PairedBy } from './types.ts';

/**
 * Pairs the functions and variables of two objects.
 *
 * Functions pair by name, then by stem: a wrong guess among clones is harmless, since callers that end up at another partner count
 * as changed. Variables carry state, so numbered ones (static locals) pair by who uses them, never by number; where use does not
 * decide, a finding says so (KLP122).
 */
export function correlate(
  before: ObjectModel,
  after: ObjectModel,
): { correlation: Correlation; findings: Finding[] } {
  const findings: Finding[] = [];
  const forward = new Map<number, Piece>();
  const backward = new Map<number, Piece>();
  const how = new Map<number, PairedBy>();
  const pair = (b: Piece, a: Piece, by: PairedBy) => {
    forward.set(b.id, a);
    backward.set(a.id, b);
    how.set(a.id, by);
  };

  // Exact names. A numbered variable is left for later.
  for (const b of before.pieces) {
    if (b.kind === 'object' && (isNumbered(b.name) || isFreshPiece(b))) continue;
    const partners = after.named(b.name).filter((a) => a.kind === b.kind && !backward.has(a.id));
    if (partners.length > 0 && before.named(b.name).filter((other) => other.kind === b.kind).length === 1)
      pair(b, partners[0], 'name');
  }

  // Clones whose number moved.
  const groups = groupByStem(before, after, 'function', forward, backward);
  for (const [bs, as] of groups.values()) {
    const count = Math.min(bs.length, as.length);
    for (let index = 0; index < count; index++) pair(bs[index], as[index], 'stem');
  }

  pairStatics(before, after, forward, backward, pair, findings);
  return {
    correlation: {
      afterOf: (piece) => forward.get(piece.id),
      beforeOf: (piece) => backward.get(piece.id),
      pairedBy: (piece) => how.get(piece.id),
    },
    findings,
  };
}

type Groups = Map<string, [Piece[], Piece[]]>;

function groupByStem(
  before: ObjectModel,
  after: ObjectModel,
  kind: Piece['kind'],
  forward: ReadonlyMap<number, Piece>,
  backward: ReadonlyMap<number, Piece>,
): Groups {
  const groups: Groups = new Map();
  const sides = [before, after];
  const add = (piece: Piece, side: 0 | 1) => {
    if (piece.kind !== kind || isFreshPiece(piece) || !isLive(sides[side], piece)) return;
    const stem = stemOf(piece.name);
    let group = groups.get(stem);
    if (!group) {
      group = [[], []];
      groups.set(stem, group);
    }
    group[side].push(piece);
  };
  for (const piece of before.pieces) if (!forward.has(piece.id)) add(piece, 0);
  for (const piece of after.pieces) if (!backward.has(piece.id)) add(piece, 1);
  return groups;
}

function pairStatics(
  before: ObjectModel,
  after: ObjectModel,
  forward: ReadonlyMap<number, Piece>,
  backward: ReadonlyMap<number, Piece>,
  pair: (b: Piece, a: Piece, by: PairedBy) => void,
  findings: Finding[],
): void {
  const groups = groupByStem(before, after, 'object', forward, backward);
  if (groups.size === 0) return;
  const votes = collectVotes(before, after, forward);

  for (const [stem, [bs, as]] of groups) {
    if (bs.length === 0 || as.length === 0) continue;
    const freeB = new Set(bs);
    const freeA = new Set(as);
    const settle = (b: Piece, a: Piece, by: PairedBy) => {
      pair(b, a, by);
      freeB.delete(b);
      freeA.delete(a);
    };
    // Use decides where each names the other and nobody else.
    for (const b of bs) {
      const candidates = [...(votes.get(b.id) ?? [])].filter((a) => freeA.has(a));
      if (candidates.length !== 1) continue;
      const [a] = candidates;
      const rivals = bs.filter((other) => other !== b && votes.get(other.id)?.has(a));
      if (rivals.length === 0 && a.size === b.size) settle(b, a, 'use');
    }
    // Constants of equal content are interchangeable.
    for (const b of [...freeB]) {
      if (before.kindOf(b.section) !== 'rodata') continue;
      const equal = [...freeA].find(
        (a) => after.kindOf(a.section) === 'rodata' && a.size === b.size && sameBytes(before, b, after, a),
      );
      if (equal) settle(b, equal, 'content');
    }
    if (freeB.size === 1 && freeA.size === 1) {
      const [b] = freeB;
      const [a] = freeA;
      const voted = votes.get(b.id)?.has(a) ?? false;
      const contradicted = (votes.get(b.id)?.size ?? 0) > 0 && !voted;
      if (!contradicted) settle(b, a, voted ? 'use' : 'stem');
    }
    if (freeB.size === 0 || freeA.size === 0) continue;
    // Constants carry no state: unpaired ones are simply other constants.
    const left = [...freeB].filter((b) => before.kindOf(b.section) !== 'rodata');
    if (left.length === 0) continue;
    findings.push({
      id: 'KLP122',
      severity: 'error',
      what: `which static variable ${stem} is which cannot be told: ${names(freeB)} before, ${names(freeA)} after`,
      why: 'the compiler numbers static variables of functions anew in each compilation, and use by the same functions does not pair them; a wrong pair splits the state of the running kernel',
      next: `rename the new variable in the fix, or keep each function that uses ${stem} out of line with noinline`,
      at: { symbol: left[0].name },
    });
  }
}

/** False for what only the linker, the loader or objtool reads. */
function isLive(model: ObjectModel, piece: Piece): boolean {
  return !['registration', 'ignored', 'table', 'objtool'].includes(model.kindOf(piece.section));
}

function names(pieces: Iterable<Piece>): string {
  return [...pieces].map((piece) => piece.name).join(', ');
}

function sameBytes(before: ObjectModel, b: Piece, after: ObjectModel, a: Piece): boolean {
  const x = before.content(b);
  const y = after.content(a);
  return x.length === y.length && x.every((byte, index) => byte === y[index]);
}

/** For each numbered before variable the after variables that the same users have in its place. */
function collectVotes(
  before: ObjectModel,
  after: ObjectModel,
  forward: ReadonlyMap<number, Piece>,
): Map<number, Set<Piece>> {
  const votes = new Map<number, Set<Piece>>();
  for (const b of before.pieces) {
    const a = forward.get(b.id);
    if (!a) continue;
    const had = staticsUsedBy(before.referencesOf(b));
    if (had.size === 0) continue;
    const has = staticsUsedBy(after.referencesOf(a));
    for (const [stem, list] of had) {
      const partners = has.get(stem) ?? [];
      // The order of first use holds unless the fix itself rearranges it; then the counts differ or the votes contradict.
      if (partners.length !== list.length) continue;
      list.forEach((variable, index) => {
        const known = votes.get(variable.id);
        if (known) known.add(partners[index]);
        else votes.set(variable.id, new Set([partners[index]]));
      });
    }
  }
  return votes;
}

/** Numbered variables in order of first use, by stem. */
function staticsUsedBy(references: readonly Reference[]): Map<string, Piece[]> {
  const used = new Map<string, Piece[]>();
  for (const { target } of references) {
    if (target.kind !== 'piece' || target.piece.kind !== 'object') continue;
    const { piece } = target;
    if (!isNumbered(piece.name) || isFreshPiece(piece)) continue;
    const stem = stemOf(piece.name);
    const list = used.get(stem);
    if (!list) used.set(stem, [piece]);
    else if (!list.includes(piece)) list.push(piece);
  }
  return used;
}
