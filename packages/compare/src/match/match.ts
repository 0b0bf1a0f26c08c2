import { SHF, STB } from '@klpkit/formats';
import type { ObjectModel, Piece } from '../model/model.ts';
import { type Ground, namesOf, type ShippedSymbol, type Spot, sameSpot } from './ground.ts';
import { imageGround } from './image.ts';
import { moduleGround } from './module.ts';
import { nextTo } from './neighbours.ts';
import { isNamedAt } from './reference.ts';
import { type Entry, isAmbiguous, type Settlement, settle } from './settle.ts';
import type {
  Answer,
  FunctionMatch,
  MatchOptions,
  Place,
  Position,
  ShippedImage,
  UnitMatch,
  Verdict,
} from './types.ts';
import { isMatchable, type UnitTables, unitTables } from './unit.ts';

/**
 * Matches a built-in unit with the kernel image: run-pre matching against the shipped file.
 *
 * @param before the unit compiled as the kernel was, with -ffunction-sections -fdata-sections, before objtool
 */
export function matchImage(before: ObjectModel, image: ShippedImage, options: MatchOptions = {}): UnitMatch {
  return matchUnit(before, imageGround(image), options);
}

/**
 * Matches a unit of a module with the module as it was shipped.
 *
 * @param before see {@link matchImage}
 * @param shipped the model of the shipped `.ko`; make it once per module, its tables are shared between units
 */
export function matchModule(
  before: ObjectModel,
  shipped: ObjectModel,
  options: MatchOptions = {},
): UnitMatch {
  return matchUnit(before, moduleGround(shipped), options);
}

function matchUnit(before: ObjectModel, ground: Ground, options: MatchOptions): UnitMatch {
  const unit = unitTables(before);
  const settlement = settle(unit, ground);
  judgeWeak(unit, settlement, ground);
  const bases = new Map(settlement.bases);
  const names = new Map(settlement.names);
  const exact = options.exact && retry(unit, settlement.entries, ground, options.exact, bases, names);
  const functions: FunctionMatch[] = [];
  const byPiece = new Map<number, Entry>();
  const whereIs = (piece: Piece): Answer<Place> => locate(unit, piece, ground, bases, byPiece);
  for (const entry of settlement.entries) byPiece.set(entry.piece.id, entry);
  for (const entry of settlement.entries) {
    const again = exact?.get(entry.piece.id);
    const match = again ?? entry.passing[0];
    const where = whereIs(entry.piece);
    functions.push({
      piece: entry.piece,
      name: entry.piece.name,
      verdict: entry.verdict,
      jumpLabels: match?.jumpLabels ?? 0,
      targetsChecked: match?.targetsChecked ?? 0,
      difference: entry.verdict === 'different' ? entry.difference : undefined,
      place: where.ok ? where.value : undefined,
    });
  }
  return {
    functions,
    counts: count(functions),
    placeOf(piece) {
      const where = whereIs(piece);
      return where.ok ? where.value : undefined;
    },
    whereIs,
    externalPlace: (name) => placeOfExternal(name, ground, names),
    positionOf(piece) {
      const spot = spotOf(unit, piece, ground, bases, byPiece);
      if (!spot.ok) return spot;
      const name = namesOf(piece).find((alias) =>
        ground.symbols(alias).some((symbol) => sameSpot(symbol, spot.value)),
      );
      if (name === undefined)
        return {
          ok: false,
          reason: `${piece.name} is at ${ground.nameOf(spot.value)}, where no symbol is`,
        };
      return ground.position(spot.value, name);
    },
    externalPosition(name): Answer<Position> {
      const spot = spotOfExternal(name, ground, names);
      return spot.ok ? ground.position(spot.value, name) : spot;
    },
  };
}

function count(functions: readonly FunctionMatch[]): Record<Verdict, number> {
  const counts: Record<Verdict, number> = {
    identical: 0,
    'jump-labels': 0,
    'jump-encoding': 0,
    'exact-flags': 0,
    'weak-overridden': 0,
    discarded: 0,
    different: 0,
  };
  for (const { verdict } of functions) counts[verdict]++;
  return counts;
}

/**
 * A weak function can also give way to another weak one, which its symbol does not tell. When the code is another and lies outside of
 * what this unit has in the kernel, that is what happened.
 */
function judgeWeak(unit: UnitTables, settlement: Settlement, ground: Ground): void {
  const { model } = unit;
  for (const entry of settlement.entries) {
    const { piece } = entry;
    if (model.symbols.binding[piece.symbol] !== STB.WEAK || entry.verdict !== 'different') continue;
    const [symbol, ...others] = ground.symbols(piece.name);
    if (!symbol || others.length > 0) continue;
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (const other of settlement.entries) {
      if (other.passing.length !== 1 || other.passing[0].at.space !== symbol.space) continue;
      low = Math.min(low, other.passing[0].at.value);
      high = Math.max(high, other.passing[0].at.value + other.piece.size);
    }
    if (symbol.value >= low && symbol.value < high) continue;
    if (low > high) continue;
    entry.verdict = 'weak-overridden';
    entry.difference = undefined;
  }
}

/** Functions that fail are tried with the object that was compiled without function sections. */
function retry(
  unit: UnitTables,
  entries: readonly Entry[],
  ground: Ground,
  exact: ObjectModel,
  bases: Map<number, Spot>,
  names: Map<string, Spot>,
): Map<number, Entry['passing'][number]> {
  const found = new Map<number, Entry['passing'][number]>();
  const open = entries.filter((entry) => entry.verdict === 'different');
  if (open.length === 0) return found;
  const tables = unitTables(exact);
  const pairs = new Map<number, Entry>();
  for (const entry of open) {
    const alike = exact.named(entry.piece.name).filter((piece) => isMatchable(exact, piece));
    const own = unit.model.named(entry.piece.name).filter((piece) => isMatchable(unit.model, piece));
    if (alike.length === 1 && own.length === 1) pairs.set(alike[0].id, entry);
  }
  // The whole unit is settled, so that the places of its sections rest on all of its functions.
  const settlement = settle(tables, ground);
  for (const again of settlement.entries) {
    const entry = pairs.get(again.piece.id);
    if (!entry) continue;
    const [match] = again.passing;
    if (!match) {
      if (again.difference) entry.difference = again.difference;
      continue;
    }
    if (contradicts(unit.model, exact, again, bases, names)) continue;
    entry.verdict = 'exact-flags';
    found.set(entry.piece.id, match);
    if (!again.settled) continue;
    const { piece } = entry;
    if (!bases.has(piece.section.index))
      bases.set(piece.section.index, { space: match.at.space, value: match.at.value - piece.start });
  }
  return found;
}

/** True when what a function of the exact object refers to is elsewhere by the other object's account. */
function contradicts(
  model: ObjectModel,
  exact: ObjectModel,
  again: Entry,
  bases: ReadonlyMap<number, Spot>,
  names: ReadonlyMap<string, Spot>,
): boolean {
  for (const claim of again.passing[0].claims) {
    if (claim.kind === 'name') {
      const known = names.get(claim.name);
      if (known && !sameSpot(known, claim.base)) return true;
      continue;
    }
    for (const piece of exact.piecesIn(exact.elf.sections[claim.section])) {
      const [own, ...more] = model.named(piece.name);
      if (!own || more.length > 0 || exact.named(piece.name).length > 1) continue;
      const base = bases.get(own.section.index);
      if (!base) continue;
      const here = { space: base.space, value: base.value + own.start };
      if (!sameSpot(here, { space: claim.base.space, value: claim.base.value + piece.start })) return true;
    }
  }
  return false;
}

function locate(
  unit: UnitTables,
  piece: Piece,
  ground: Ground,
  bases: ReadonlyMap<number, Spot>,
  byPiece: ReadonlyMap<number, Entry>,
): Answer<Place> {
  const spot = spotOf(unit, piece, ground, bases, byPiece);
  return spot.ok ? { ok: true, value: ground.place(spot.value, piece.name) } : spot;
}

function spotOf(
  unit: UnitTables,
  piece: Piece,
  ground: Ground,
  bases: ReadonlyMap<number, Spot>,
  byPiece: ReadonlyMap<number, Entry>,
): Answer<Spot> {
  const { model } = unit;
  const refuse = (reason: string): Answer<Spot> => ({ ok: false, reason });
  if ((piece.section.flags & SHF.MERGE) !== 0)
    return refuse(`${piece.name} is a constant that the linker merges with equal ones`);
  const entry = byPiece.get(piece.id);
  if (
    entry &&
    (entry.verdict === 'different' || entry.verdict === 'weak-overridden' || entry.verdict === 'discarded')
  )
    return refuse(`${piece.name} is not in the shipped kernel as it is here (${entry.verdict})`);
  const base = bases.get(piece.section.index);
  if (base) {
    const spot = { space: base.space, value: base.value + piece.start };
    if (!isNamedAt(piece, base, ground))
      return refuse(`${piece.name} would be at ${ground.nameOf(spot)}, which has another name`);
    if (entry && isAmbiguous(piece, ground) && nextTo(model, piece.section, base, bases) === false)
      return refuse(
        `${piece.name} matches at ${ground.nameOf(spot)}, which is not beside its unit's other functions`,
      );
    return { ok: true, value: spot };
  }
  if (entry && !entry.settled)
    return refuse(
      `${entry.passing.length} functions ${piece.name} of the shipped kernel are equal, and nothing in the unit tells which is this one`,
    );
  // Nothing that matched refers to it, so its name alone has to tell.
  if (model.symbols.binding[piece.symbol] === STB.WEAK)
    return refuse(
      `${piece.name} is weak, and nothing in the unit tells whether the shipped kernel has this one`,
    );
  const isGlobal = model.symbols.binding[piece.symbol] === STB.GLOBAL;
  for (const name of namesOf(piece)) {
    const all = ground.symbols(name);
    if (all.length === 1) return { ok: true, value: spotOfSymbol(all[0]) };
    const only = isGlobal && name === piece.name ? theGlobal(all) : undefined;
    if (only) return { ok: true, value: spotOfSymbol(only) };
  }
  const number = ground.symbols(piece.name).length;
  return refuse(
    number === 0
      ? `the shipped kernel has no symbol ${piece.name}`
      : `the shipped kernel has ${number} symbols ${piece.name}, and no matched function refers to this one`,
  );
}

function spotOfExternal(name: string, ground: Ground, names: ReadonlyMap<string, Spot>): Answer<Spot> {
  const known = names.get(name);
  if (known) return { ok: true, value: known };
  const all = ground.symbols(name);
  if (all.length === 0)
    return {
      ok: false,
      reason:
        ground.kind === 'module'
          ? `the module does not define ${name}`
          : `the shipped kernel has no symbol ${name}`,
    };
  const only = all.length === 1 ? all[0] : theGlobal(all);
  if (only) return { ok: true, value: spotOfSymbol(only) };
  return {
    ok: false,
    reason: `there are ${all.length} symbols ${name}, and no matched function refers to the one meant`,
  };
}

function spotOfSymbol({ space, value }: ShippedSymbol): Spot {
  return { space, value };
}

/** A linked file has one global symbol per name; `undefined` where bindings are not all known (per-CPU symbols). */
function theGlobal(all: readonly ShippedSymbol[]): ShippedSymbol | undefined {
  if (all.some((symbol) => symbol.binding === 'unknown')) return undefined;
  const [only, ...more] = all.filter((symbol) => symbol.binding !== 'local');
  return more.length === 0 ? only : undefined;
}

function placeOfExternal(name: string, ground: Ground, names: ReadonlyMap<string, Spot>): Answer<Place> {
  const spot = spotOfExternal(name, ground, names);
  return spot.ok ? { ok: true, value: ground.place(spot.value, name) } : spot;
}
