import type { Finding } from '@klpkit/findings';
import type { ObjectModel, Piece, Reference } from '../model/model.ts';
import { type Group, groupByStem, type Pairs, type Side } from './correlate.ts';
import { isFreshPiece, stemOf } from './names.ts';
import type { PairedBy } from './types.ts';

/** Who refers to each variable of the groups, in order of the object; a table entry counts as its function's use. */
type Users = ReadonlyMap<Piece, readonly Piece[]>;

/**
 * Pairs static variables of functions, whose numbers mean nothing, by the functions that use them.
 *
 * A variable whose user is still there must be the one that this user has now. Where users came, went, were inlined or split, a
 * related user will do. What is left on both sides could be the same state or not: that is KLP122.
 */
export function pairStatics(before: Side, after: Side, pairs: Pairs): Finding[] {
  const groups = groupByStem(before.model, after.model, 'object', pairs).filter(
    (group) => group.before.length > 0 && group.after.length > 0,
  );
  if (groups.length === 0) return [];
  const had = usersOf(before, new Set(groups.flatMap((group) => group.before)));
  const has = usersOf(after, new Set(groups.flatMap((group) => group.after)));
  const left = groups.map((group) => ({
    group,
    free: { before: new Set(group.before), after: new Set(group.after) },
  }));
  const settle = (free: Free, by: PairedBy) => (b: Piece, a: Piece) => {
    pairs.add(b, a, by);
    free.before.delete(b);
    free.after.delete(a);
  };
  // A static variable may itself be the user of another, so votes are taken until none is new.
  for (let open = -1, was = 0; open !== was; ) {
    was = open;
    for (const { group, free } of left)
      if (free.before.size > 0 && free.after.size > 0)
        settleUnique(free, voteOf(before, after, pairs, group, had), settle(free, 'use'));
    open = left.reduce((sum, { free }) => sum + free.before.size, 0);
  }
  for (const { free } of left) {
    settleEqualConstants(before.model, after.model, free, settle(free, 'content'));
    settleUnique(free, relatedTo(before, after, pairs, had, has, free), settle(free, 'use'));
    const [b, ...moreB] = free.before;
    const [a, ...moreA] = free.after;
    const unused = b && a && !had.get(b) && !has.get(a);
    if (unused && moreB.length === 0 && moreA.length === 0) settle(free, 'stem')(b, a);
  }
  return left.flatMap(({ group, free }) => leftOver(before.model, after.model, group, free, had, has));
}

/** Beyond so many candidates nothing is compared with everything: no source has that many variables of one name in one function. */
const mostCandidates = 4096;

interface Free {
  readonly before: Set<Piece>;
  readonly after: Set<Piece>;
}

/** Settles the pairs in which each names the other and nobody else does either. */
function settleUnique(
  free: Free,
  votes: ReadonlyMap<Piece, ReadonlySet<Piece>>,
  settle: (b: Piece, a: Piece) => void,
): void {
  const named = new Map<Piece, number>();
  for (const candidates of votes.values()) for (const a of candidates) named.set(a, (named.get(a) ?? 0) + 1);
  for (const [b, candidates] of votes) {
    if (!free.before.has(b) || candidates.size !== 1) continue;
    const [a] = candidates;
    if (free.after.has(a) && named.get(a) === 1) settle(b, a);
  }
}

/** Constants of equal content are interchangeable. */
function settleEqualConstants(
  before: ObjectModel,
  after: ObjectModel,
  free: Free,
  settle: (b: Piece, a: Piece) => void,
): void {
  const byContent = new Map<string, Piece[]>();
  for (const a of free.after) {
    if (after.kindOf(a.section) !== 'rodata') continue;
    const key = shapeOf(after, a);
    const list = byContent.get(key);
    if (list) list.push(a);
    else byContent.set(key, [a]);
  }
  for (const list of byContent.values()) list.reverse();
  for (const b of [...free.before]) {
    if (before.kindOf(b.section) !== 'rodata') continue;
    const a = byContent.get(shapeOf(before, b))?.pop();
    if (a) settle(b, a);
  }
}

/** Kind, size and initial bytes of a variable. */
function shapeOf(model: ObjectModel, piece: Piece): string {
  const kind = model.kindOf(piece.section);
  const content = kind === 'bss' ? '' : Array.from(model.content(piece).subarray(0, 256)).join();
  return `${kind} ${piece.size} ${content}`;
}

/** For each before variable of a group the after variables that the same users have in its place. */
function voteOf(before: Side, after: Side, pairs: Pairs, group: Group, users: Users): Map<Piece, Set<Piece>> {
  const votes = new Map<Piece, Set<Piece>>();
  const members = { before: new Set(group.before), after: new Set(group.after) };
  const asked = new Set<Piece>();
  for (const b of group.before)
    for (const user of users.get(b) ?? []) {
      const partner = pairs.afterOf(user);
      if (!partner || asked.has(user)) continue;
      asked.add(user);
      const uses = usesIn(before, user, members.before);
      const used = usesIn(after, partner, members.after);
      // A use may have gone from a function to its cold part, or to a part that was split off.
      const family = (side: Side, piece: Piece, among: ReadonlySet<Piece>, own: Use[]) => {
        const parts = familyOf(side.model, piece);
        return parts.length === 1 ? own : parts.flatMap((part) => usesIn(side, part, among));
      };
      const all = family(before, user, members.before, uses);
      const now = family(after, partner, members.after, used);
      const isUnchanged = atSamePlaces(uses, used) && variables(all) === variables(now);
      const found = isUnchanged
        ? uses.map((use, index): [Piece, Piece] => [use.piece, used[index].piece])
        : matchUses(before.model, after.model, all, now);
      for (const [was, is] of found) {
        const known = votes.get(was);
        if (known) known.add(is);
        else votes.set(was, new Set([is]));
      }
    }
  return votes;
}

const familiesOf = new WeakMap<ObjectModel, Map<string, Piece[]>>();

/** The pieces that the compiler made of the function that a piece belongs to, the piece among them; a variable is alone. */
function familyOf(model: ObjectModel, piece: Piece): readonly Piece[] {
  if (piece.kind !== 'function') return [piece];
  let families = familiesOf.get(model);
  if (!families) {
    families = new Map();
    for (const each of model.pieces) {
      if (each.kind !== 'function') continue;
      const name = sourceName(each.name);
      const known = families.get(name);
      if (known) known.push(each);
      else families.set(name, [each]);
    }
    familiesOf.set(model, families);
  }
  return families.get(sourceName(piece.name)) ?? [piece];
}

/** How many variables are used. */
function variables(uses: readonly Use[]): number {
  return new Set(uses.map(({ piece }) => piece)).size;
}

/** True when two pieces use variables at the same places, as unchanged code does; in changed code the order of use proves nothing. */
function atSamePlaces(uses: readonly Use[], used: readonly Use[]): boolean {
  return uses.length === used.length && uses.every((use, index) => use.at === used[index].at);
}

interface Use {
  readonly at: number;
  readonly piece: Piece;
}

/** In a piece's own references, and in those of the table entries that describe it (a static key is used there alone). */
function usesIn({ model, tables }: Side, user: Piece, members: ReadonlySet<Piece>): Use[] {
  const uses: Use[] = [];
  const add = (references: readonly Reference[], start: number) => {
    for (const { offset, target } of references)
      if (target.kind === 'piece' && members.has(target.piece))
        uses.push({ at: offset - start, piece: target.piece });
  };
  add(model.referencesOf(user), user.start);
  if (user.kind === 'function') for (const { references, start } of tables.of(user)) add(references, start);
  return uses;
}

/** Which variable of a changed function before is which of the same function after. */
function matchUses(
  before: ObjectModel,
  after: ObjectModel,
  uses: readonly Use[],
  used: readonly Use[],
): [Piece, Piece][] {
  const was = [...new Set(uses.map((use) => use.piece))];
  const is = [...new Set(used.map((use) => use.piece))];
  if (was.length * is.length > mostCandidates || was.length === 0 || is.length === 0) return [];
  if (was.length === 1 && is.length === 1) return [[was[0], is[0]]];
  // The order of use proves nothing; a shape of its own does.
  const found: [Piece, Piece][] = [];
  for (const b of was) {
    const shape = shapeOf(before, b);
    const [a, ...others] = is.filter((candidate) => shapeOf(after, candidate) === shape);
    if (!a || others.length > 0) continue;
    if (was.filter((rival) => shapeOf(before, rival) === shape).length === 1) found.push([b, a]);
  }
  return found;
}

function usersOf(side: Side, variables: ReadonlySet<Piece>): Users {
  const users = new Map<Piece, Piece[]>();
  for (const user of side.model.pieces) {
    if (isFreshPiece(user)) continue;
    for (const { piece } of usesIn(side, user, variables)) {
      const list = users.get(piece);
      if (!list) users.set(piece, [user]);
      else if (list[list.length - 1] !== user) list.push(user);
    }
  }
  return users;
}

/**
 * For variables that no vote paired: an after variable whose user is the before user under another name (a clone), has swallowed it
 * (inlined) or was split from it.
 */
function relatedTo(
  before: Side,
  after: Side,
  pairs: Pairs,
  had: Users,
  has: Users,
  free: Free,
): Map<Piece, Set<Piece>> {
  const related = new Map<Piece, Set<Piece>>();
  if (free.before.size * free.after.size > mostCandidates) return related;
  const refersTo = (side: Side, from: Piece, to: Piece) =>
    side.model.referencesOf(from).some(({ target }) => target.kind === 'piece' && target.piece === to);
  const isRelated = (was: Piece, is: Piece) => {
    const successor = pairs.afterOf(was);
    const ancestor = pairs.beforeOf(is);
    // The same function: its vote was no clear one, so whatever it uses now may be the variable.
    if (successor && ancestor) return successor === is;
    if (successor) return refersTo(after, successor, is);
    if (ancestor) return refersTo(before, ancestor, was);
    return sourceName(was.name) === sourceName(is.name);
  };
  for (const b of free.before)
    for (const a of free.after)
      if ((had.get(b) ?? []).some((was) => (has.get(a) ?? []).some((is) => isRelated(was, is)))) {
        const known = related.get(b);
        if (known) known.add(a);
        else related.set(b, new Set([a]));
      }
  return related;
}

/** The name that the source gives a function, without what the compiler appended. */
function sourceName(name: string): string {
  return stemOf(name).replace(/(\.(isra|constprop|part|cold))+$/, '');
}

function leftOver(
  before: ObjectModel,
  after: ObjectModel,
  { stem }: Group,
  free: Free,
  had: Users,
  has: Users,
): Finding[] {
  // Constants carry no state: unpaired ones are simply other constants.
  const was = [...free.before].filter((piece) => before.kindOf(piece.section) !== 'rodata');
  const is = [...free.after].filter((piece) => after.kindOf(piece.section) !== 'rodata');
  if (is.length === 0) return [];
  const list = (pieces: readonly Piece[], users: Users) =>
    pieces
      .map((piece) => {
        const by = [...new Set((users.get(piece) ?? []).map((user) => user.name))];
        return by.length === 0 ? `${piece.name} (unused)` : `${piece.name} of ${by.slice(0, 3).join(', ')}`;
      })
      .join(' and ');
  if (was.length === 0)
    return is.map((piece) => ({
      id: 'KLP123',
      severity: 'note',
      what: `${list([piece], has)} is a new static variable next to others called ${stem}`,
      why: 'it starts at its initial value and shares nothing with them',
      next: `if it should continue an existing ${stem}, let both functions use one variable`,
      at: { symbol: piece.name },
    }));
  return [
    {
      id: 'KLP122',
      severity: 'error',
      what: `which static variable ${stem} is which cannot be told: ${list(was, had)} before, ${list(is, has)} after`,
      why: 'the compiler numbers static variables of functions anew in each compilation, and use by the same functions does not pair these; a wrong pair would mix up or split the state of the running kernel',
      next: `rename the new variable in the fix if it is another one, or keep the functions that use ${stem} out of line with noinline`,
      at: { symbol: was[0].name },
    },
  ];
}
