import { STB } from '@klpkit/formats';
import { type ObjectModel, type Piece, slice } from '../model/model.ts';
import { coldParentName } from './names.ts';
import { prefixStart } from './prefix.ts';
import type { FunctionChange } from './types.ts';

/** True when the kernel can take over a function at its ftrace entry. */
export function hasFtraceEntry(model: ObjectModel, piece: Piece): boolean {
  const beginning = slice(model.references(piece.section), piece.start, piece.start + longestBeginning);
  return model.arch.isFtraceEntry({
    code: model.content(piece),
    calls: beginning.flatMap(({ target, offset }) =>
      target.kind === 'external' ? [{ name: target.name, offset: offset - piece.start }] : [],
    ),
    isPatchable: isPatchable(model, piece),
  });
}

/** Bytes among which a function's ftrace entry is. */
const longestBeginning = 32;
const patchable = new WeakMap<ObjectModel, ReadonlyMap<number, readonly number[]>>();

/** True when `__patchable_function_entries` points to the start of the function or to the padding before it. */
function isPatchable(model: ObjectModel, piece: Piece): boolean {
  let places = patchable.get(model);
  if (!places) {
    places = patchablePlaces(model);
    patchable.set(model, places);
  }
  const here = places.get(piece.section.index) ?? [];
  const from = prefixStart(model, piece);
  let low = 0;
  let high = here.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (here[middle] < from) low = middle + 1;
    else high = middle;
  }
  return low < here.length && here[low] <= piece.start + longestBeginning;
}

function patchablePlaces(model: ObjectModel): Map<number, number[]> {
  const places = new Map<number, number[]>();
  for (const section of model.elf.sections) {
    if (section.name !== '__patchable_function_entries') continue;
    for (const { target } of model.references(section)) {
      const place =
        target.kind === 'piece'
          ? { section: target.piece.section, offset: target.piece.start + target.offset }
          : target.kind === 'place'
            ? target
            : undefined;
      if (!place) continue;
      const known = places.get(place.section.index);
      if (known) known.push(place.offset);
      else places.set(place.section.index, [place.offset]);
    }
  }
  for (const list of places.values()) list.sort((a, b) => a - b);
  return places;
}

/**
 * Changed static functions without an ftrace entry (`inline` implies notrace) that can travel with their callers: nothing but calls
 * and jumps of this object leads to them. Their callers change with them.
 */
export function carriedFunctions(
  before: ObjectModel,
  after: ObjectModel,
  changes: readonly FunctionChange[],
): Map<Piece, Piece[]> {
  const candidates = new Set<Piece>();
  for (const { status, before: b, after: a } of changes) {
    if (status !== 'changed' || !b || !a || a.binding !== STB.LOCAL) continue;
    if (
      coldParentName(a.name) === undefined &&
      after.kindOf(a.section) === 'text' &&
      !hasFtraceEntry(before, b)
    )
      candidates.add(a);
  }
  const callers = new Map<Piece, Piece[]>();
  if (candidates.size === 0) return callers;
  for (const piece of candidates) callers.set(piece, []);
  for (const section of after.elf.sections) {
    const kind = after.kindOf(section);
    // Tables describe places in a function and lead nowhere.
    if (kind === 'table' || kind === 'ignored' || kind === 'objtool') continue;
    const code = after.bytes(section);
    for (const { target, offset, type } of after.references(section)) {
      if (target.kind !== 'piece' || !candidates.has(target.piece)) continue;
      const from = after.pieceAt(section, offset);
      if (from === target.piece) continue;
      const isCall = kind === 'text' && target.offset === 0 && after.arch.isBranchOperand(code, offset, type);
      if (isCall && from) callers.get(target.piece)?.push(from);
      else callers.delete(target.piece);
    }
  }
  return callers;
}
