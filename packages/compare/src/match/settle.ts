import { SHF, STB } from '@klpkit/formats';
import type { ObjectModel, Piece } from '../model/model.ts';
import { type Attempt, attempt, difference } from './attempt.ts';
import { type Claim, type Ground, namesOf, type ShippedSymbol, type Spot, sameSpot } from './ground.ts';
import { nextTo } from './neighbours.ts';
import { checkReference, isNamedAt } from './reference.ts';
import type { MatchDifference, Verdict } from './types.ts';
import type { UnitTables } from './unit.ts';

/** A function while its unit is being settled. */
export interface Entry {
  readonly piece: Piece;
  verdict: Verdict;
  /** Candidates that match by themselves, fewer as more is known. */
  passing: readonly Attempt[];
  difference: MatchDifference | undefined;
  /** True while the place rests on one candidate, or on what other functions say. */
  settled: boolean;
}

/** What a unit's functions say together. */
export interface Settlement {
  readonly entries: readonly Entry[];
  /** Where sections of the object start in the shipped kernel, by section index. */
  readonly bases: ReadonlyMap<number, Spot>;
  /** Where undefined symbols lead. */
  readonly names: ReadonlyMap<string, Spot>;
}

/** Matches every function by itself, then together: whatever two functions refer to must be in one place. */
export function settle(
  unit: UnitTables,
  ground: Ground,
  functions: readonly Piece[] = unit.functions,
): Settlement {
  const entries = functions.map((piece) => firstLook(unit, piece, ground));
  agree(unit, entries, ground);
  const known = collect(entries);
  for (;;) {
    if (narrow(unit, entries, known, ground)) continue;
    if (readVariables(unit, known, ground)) continue;
    if (useNeighbours(unit, entries, known)) continue;
    if (useNames(unit, known, ground)) continue;
    break;
  }
  return { entries, ...known };
}

interface Known {
  readonly bases: Map<number, Spot>;
  readonly names: Map<string, Spot>;
  /** Variables whose content was read for pointers already, by piece id. */
  readonly read: Set<number>;
}

/** Candidates by name, compared one by one. */
function firstLook(unit: UnitTables, piece: Piece, ground: Ground): Entry {
  const entry: Entry = { piece, verdict: 'different', passing: [], difference: undefined, settled: false };
  const candidates = candidatesOf(unit, piece, ground);
  if (candidates.all === 0) {
    if (/^\.(exit|discard)/.test(piece.section.name)) entry.verdict = 'discarded';
    else
      entry.difference = {
        offset: 0,
        what: 'missing',
        expected: piece.name,
        found: 'no symbol of that name',
        instruction: undefined,
        at: undefined,
      };
    return entry;
  }
  if (candidates.fitting.length === 0 && candidates.overridden) {
    entry.verdict = 'weak-overridden';
    return entry;
  }
  if (candidates.fitting.length === 0) {
    entry.difference = {
      offset: 0,
      what: 'missing',
      expected: `${candidates.binding} function ${piece.name}`,
      found: `${candidates.all} of that name, none of that binding in executable code`,
      instruction: undefined,
      at: undefined,
    };
    return entry;
  }
  const passing: Attempt[] = [];
  for (const at of candidates.fitting) {
    const result = attempt(unit, piece, at, ground);
    if (!result.difference) passing.push(result);
    else if (!entry.difference || result.difference.offset > entry.difference.offset)
      entry.difference = result.difference;
  }
  if (passing.length === 0) return entry;
  entry.passing = passing;
  entry.difference = undefined;
  entry.verdict = passing[0].verdict;
  return entry;
}

interface Candidates {
  readonly all: number;
  readonly fitting: readonly ShippedSymbol[];
  readonly overridden: boolean;
  readonly binding: 'local' | 'global' | 'weak';
}

function candidatesOf(unit: UnitTables, piece: Piece, ground: Ground): Candidates {
  const { symbols } = unit.model;
  const binding =
    symbols.binding[piece.symbol] === STB.LOCAL
      ? 'local'
      : symbols.binding[piece.symbol] === STB.WEAK
        ? 'weak'
        : 'global';
  const all = ground.symbols(piece.name);
  // A hidden symbol becomes local in the last link of the image.
  const hidden = (symbols.other[piece.symbol] & 3) !== 0;
  const fits = (symbol: ShippedSymbol) =>
    symbol.binding === 'unknown' || symbol.binding === binding || (hidden && symbol.binding === 'local');
  const fitting = all.filter(fits);
  return {
    all: all.length,
    fitting,
    overridden: binding === 'weak' && all.some((symbol) => symbol.binding !== 'weak'),
    binding,
  };
}

/** Everything that a match says: its own place, and its claims. */
function statements(entry: Entry, match: Attempt): Claim[] {
  const { piece } = entry;
  const base = { space: match.at.space, value: match.at.value - piece.start };
  return [{ kind: 'section', section: piece.section.index, base, offset: 0 }, ...match.claims];
}

function keyOf(claim: Claim): string {
  return claim.kind === 'section' ? `s${claim.section}` : `n${claim.name}`;
}

/**
 * Functions with a single candidate must agree with one another. Where they do not, the minority is wrong; without a majority all
 * of them are, since nothing tells which one is right.
 */
function agree(unit: UnitTables, entries: readonly Entry[], ground: Ground): void {
  for (;;) {
    const votes = new Map<string, Map<string, { claim: Claim; weight: number; entries: Set<Entry> }>>();
    for (const entry of entries) {
      if (entry.passing.length !== 1) continue;
      const [match] = entry.passing;
      statements(entry, match).forEach((claim, index) => {
        const key = keyOf(claim);
        let options = votes.get(key);
        if (!options) {
          options = new Map();
          votes.set(key, options);
        }
        const spot = `${claim.base.space}:${claim.base.value}`;
        let option = options.get(spot);
        if (!option) {
          option = { claim, weight: 0, entries: new Set() };
          options.set(spot, option);
        }
        // Where a function itself is, under a name that is unique, outweighs what others say.
        const isUnique = index === 0 && ground.symbols(entry.piece.name).length === 1;
        option.weight += isUnique ? 1e6 : option.entries.has(entry) ? 0 : 1;
        option.entries.add(entry);
      });
    }
    let changed = false;
    for (const options of votes.values()) {
      if (options.size < 2) continue;
      const ranked = [...options.values()].sort((a, b) => b.weight - a.weight);
      const losers = ranked[0].weight === ranked[1].weight ? ranked : ranked.slice(1);
      for (const loser of losers)
        for (const entry of loser.entries) {
          refute(
            unit,
            entry,
            loser.claim,
            losers.length === ranked.length ? ranked[1].claim : ranked[0].claim,
            ground,
          );
          changed = true;
        }
    }
    if (!changed) return;
  }
}

/** Turns a match into a difference, because of a claim that others contradict. */
function refute(unit: UnitTables, entry: Entry, claim: Claim, truth: Claim, ground: Ground): void {
  const [match] = entry.passing;
  if (!match) return;
  const own = match.claims.find(
    (candidate) => keyOf(candidate) === keyOf(claim) && sameSpot(candidate.base, claim.base),
  );
  const offset = own ? own.offset - entry.piece.start : 0;
  entry.difference = difference(unit, entry.piece, match.at, ground, {
    offset,
    what: 'target',
    expected: `${nameOfClaim(unit, claim)} at ${ground.nameOf(truth.base)}, as others of the unit have it`,
    found: ground.nameOf(claim.base),
  });
  entry.verdict = 'different';
  entry.passing = [];
}

function nameOfClaim(unit: UnitTables, claim: Claim): string {
  return claim.kind === 'name' ? claim.name : unit.model.elf.sections[claim.section].name;
}

function collect(entries: readonly Entry[]): Known {
  const known: Known = { bases: new Map(), names: new Map(), read: new Set() };
  for (const entry of entries) if (entry.passing.length === 1) learn(entry, known);
  return known;
}

function learn(entry: Entry, known: Known): void {
  entry.settled = true;
  for (const claim of statements(entry, entry.passing[0])) record(claim, known);
}

function record(claim: Claim, known: Known): boolean {
  if (claim.kind === 'section') {
    if (known.bases.has(claim.section)) return false;
    known.bases.set(claim.section, claim.base);
  } else {
    if (known.names.has(claim.name)) return false;
    known.names.set(claim.name, claim.base);
  }
  return true;
}

/** Drops candidates of functions with several that contradict what is known; true when a function was settled. */
function narrow(unit: UnitTables, entries: readonly Entry[], known: Known, ground: Ground): boolean {
  let progress = false;
  for (const entry of entries) {
    if (entry.settled || entry.passing.length === 0) continue;
    const contradiction = (match: Attempt): Claim | undefined =>
      statements(entry, match).find((claim) => {
        const base = claim.kind === 'section' ? known.bases.get(claim.section) : known.names.get(claim.name);
        return base !== undefined && !sameSpot(base, claim.base);
      });
    const remaining = entry.passing.filter((match) => !contradiction(match));
    if (remaining.length === entry.passing.length) continue;
    progress = true;
    if (remaining.length === 0) {
      const claim = contradiction(entry.passing[0]) as Claim;
      const base = claim.kind === 'section' ? known.bases.get(claim.section) : known.names.get(claim.name);
      refute(unit, entry, claim, { ...claim, base: base as Spot }, ground);
      continue;
    }
    entry.passing = remaining;
    entry.verdict = remaining[0].verdict;
    if (remaining.length === 1) learn(entry, known);
  }
  return progress;
}

/**
 * Pointers in variables whose place is known say where other functions and variables are. They only add to what functions say; a
 * variable whose content is not the shipped one (it may be changed at build time) says nothing.
 */
function readVariables(unit: UnitTables, known: Known, ground: Ground): boolean {
  let progress = false;
  for (const piece of unit.model.pieces) {
    if (piece.kind !== 'object' || known.read.has(piece.id)) continue;
    const base = known.bases.get(piece.section.index);
    if (!base) continue;
    known.read.add(piece.id);
    if (!isNamedAt(piece, base, ground)) continue;
    for (const claim of pointersIn(unit.model, piece, base, ground) ?? [])
      if (record(claim, known)) progress = true;
  }
  return progress;
}

/** What the pointers of a variable say, or `undefined` when what is at `base` is another variable. */
function pointersIn(
  model: ObjectModel,
  piece: Piece,
  base: Spot,
  ground: Ground,
): readonly Claim[] | undefined {
  const content = model.content(piece);
  const shipped = ground.bytes({ space: base.space, value: base.value + piece.start }, piece.size);
  if (!shipped) return undefined;
  const references = model.referencesOf(piece);
  const masked = new Uint8Array(piece.size);
  for (const { offset, type } of references)
    masked.fill(1, offset - piece.start, offset - piece.start + (model.arch.fieldWidth(type) ?? 0));
  if (!content.every((byte, index) => masked[index] === 1 || byte === shipped[index])) return undefined;
  const ledger = { claims: [] as Claim[], targetsChecked: 0 };
  for (const reference of references) {
    const spot = { space: base.space, value: base.value + reference.offset };
    const meaning = ground.meaning(spot, reference, model.arch.relocationName(reference.type));
    if (typeof meaning === 'string') return undefined;
    if (checkReference(model, reference, meaning, ground, ledger)) return undefined;
  }
  return ledger.claims;
}

/**
 * Variables that no matched function refers to, such as the table behind a sysfs group: where the kernel has one symbol of that
 * name and the content is this one's, pointers in it are worth as much.
 */
function useNames(unit: UnitTables, known: Known, ground: Ground): boolean {
  const { model } = unit;
  let progress = false;
  for (const piece of model.pieces) {
    if (piece.kind !== 'object' || known.read.has(piece.id) || known.bases.has(piece.section.index)) continue;
    if (model.symbols.binding[piece.symbol] === STB.WEAK || (piece.section.flags & SHF.MERGE) !== 0) continue;
    const [only, ...more] = ground.symbols(piece.name);
    if (!only || more.length > 0) continue;
    const base = { space: only.space, value: only.value - piece.start };
    known.read.add(piece.id);
    const claims = pointersIn(model, piece, base, ground);
    if (!claims || claims.length === 0) continue;
    known.bases.set(piece.section.index, base);
    for (const claim of claims) record(claim, known);
    progress = true;
  }
  return progress;
}

/** Settles functions by where their neighbours in the object are; one at a time, since each helps the next. */
function useNeighbours(unit: UnitTables, entries: readonly Entry[], known: Known): boolean {
  for (const entry of entries) {
    if (entry.settled || entry.passing.length < 2) continue;
    const near = entry.passing.filter((match) => {
      const base = { space: match.at.space, value: match.at.value - entry.piece.start };
      return nextTo(unit.model, entry.piece.section, base, known.bases);
    });
    if (near.length !== 1) continue;
    entry.passing = near;
    entry.verdict = near[0].verdict;
    learn(entry, known);
    return true;
  }
  return false;
}

/** The names of an entry that the shipped kernel has more than once. */
export function isAmbiguous(piece: Piece, ground: Ground): boolean {
  return namesOf(piece).every((name) => ground.symbols(name).length !== 1);
}
