import type { Piece, Reference } from '../model/model.ts';
import { attemptByInstructions } from './encoding.ts';
import type { Claim, Ground, ShippedSymbol, Spot } from './ground.ts';
import { checkReference, type Ledger } from './reference.ts';
import type { MatchDifference } from './types.ts';
import type { UnitTables } from './unit.ts';

/** A function of the object beside one candidate of the shipped kernel: either a difference, or what the match rests on. */
export interface Attempt {
  readonly piece: Piece;
  readonly at: ShippedSymbol;
  readonly difference: MatchDifference | undefined;
  readonly verdict: 'identical' | 'jump-labels' | 'jump-encoding';
  readonly jumpLabels: number;
  readonly targetsChecked: number;
  readonly claims: readonly Claim[];
}

/** Compares a function with one candidate: byte by byte, and where lengths of jumps differ, instruction by instruction. */
export function attempt(unit: UnitTables, piece: Piece, at: ShippedSymbol, ground: Ground): Attempt {
  const first = attemptByBytes(unit, piece, at, ground);
  const what = first.difference?.what;
  if (what !== 'bytes' && what !== 'size' && what !== 'symbol') return first;
  return attemptByInstructions(unit, piece, at, ground) ?? first;
}

/** The parts of a {@link MatchDifference} that do not depend on the place. */
export function difference(
  unit: UnitTables,
  piece: Piece,
  at: ShippedSymbol,
  ground: Ground,
  found: Omit<MatchDifference, 'instruction' | 'at'>,
): MatchDifference {
  const code = unit.model.content(piece);
  return {
    ...found,
    instruction: unit.model.arch.instructionAt(code, found.offset)?.text,
    at: ground.place(at, piece.name),
  };
}

export function failed(piece: Piece, at: ShippedSymbol, found: MatchDifference): Attempt {
  return {
    piece,
    at,
    difference: found,
    verdict: 'identical',
    jumpLabels: 0,
    targetsChecked: 0,
    claims: [],
  };
}

export function spotIn(at: Spot, offset: number): Spot {
  return { space: at.space, value: at.value + offset };
}

function attemptByBytes(unit: UnitTables, piece: Piece, at: ShippedSymbol, ground: Ground): Attempt {
  const { model } = unit;
  const fail = (found: Omit<MatchDifference, 'instruction' | 'at'>) =>
    failed(piece, at, difference(unit, piece, at, ground, found));
  const code = model.content(piece);
  const { size } = piece;
  if (at.size !== undefined && at.size !== size)
    return fail({ offset: 0, what: 'size', expected: `${size} bytes`, found: `${at.size} bytes` });
  const shipped = ground.bytes(at, size);
  if (!shipped)
    return fail({ offset: 0, what: 'size', expected: `${size} bytes`, found: 'the end of the section' });

  const references = model.referencesOf(piece);
  const skipped = nopped(unit, piece, code, shipped, at, ground);
  const explained = new Map<number, number>();
  const checked: Reference[] = [];
  // Bytes that are compared by meaning; sites that objtool rewrote are accounted for already.
  let from = 0;
  const ranges: [number, number][] = skipped.map((site) => [site.start, site.end]);
  for (const reference of references) {
    const offset = reference.offset - piece.start;
    const end = offset + (model.arch.fieldWidth(reference.type) ?? 0);
    if (skipped.some((site) => offset >= site.start && end <= site.end)) continue;
    checked.push(reference);
    explained.set(offset, reference.type);
    ranges.push([offset, end]);
  }
  ranges.sort((a, b) => a[0] - b[0]);
  ranges.push([size, size]);
  for (const [start, end] of ranges) {
    for (let index = from; index < start; index++)
      if (code[index] !== shipped[index]) return fail(bytesDifference(unit, code, shipped, index));
    from = Math.max(from, end);
  }
  const unknown = ground.unexplained(at, size, explained, (name, offset) =>
    unit.hasSymbol(piece.section, piece.start + offset, name),
  );
  if (unknown) return fail(unknown);
  const ledger: Ledger = { claims: [], targetsChecked: 0 };
  for (const reference of checked) {
    const offset = reference.offset - piece.start;
    const name = model.arch.relocationName(reference.type);
    const meaning = ground.meaning(spotIn(at, offset), reference, name);
    if (typeof meaning === 'string')
      return fail({ offset, what: 'relocation', expected: name, found: meaning });
    const wrong = checkReference(model, reference, meaning, ground, ledger);
    if (wrong) return fail({ offset, what: 'target', ...wrong });
  }
  return {
    piece,
    at,
    difference: undefined,
    verdict: skipped.length > 0 ? 'jump-labels' : 'identical',
    jumpLabels: skipped.length,
    targetsChecked: ledger.targetsChecked,
    claims: ledger.claims,
  };
}

/**
 * Jump-label sites of the function that are nops in what was shipped: listed in the object's own table, a jump here, exactly the nop
 * of that jump there, and no relocation left on it.
 */
function nopped(
  unit: UnitTables,
  piece: Piece,
  code: Uint8Array,
  shipped: Uint8Array,
  at: Spot,
  ground: Ground,
): { start: number; end: number }[] {
  const sites = unit.jumpSites(piece.section);
  const found: { start: number; end: number }[] = [];
  for (const site of sites) {
    const start = site - piece.start;
    if (start < 0 || start >= piece.size) continue;
    const nop = unit.model.arch.jumpLabelNop(code.subarray(start));
    if (!nop || start + nop.length > piece.size) continue;
    if (!nop.every((byte, index) => shipped[start + index] === byte)) continue;
    let clean = true;
    for (let index = 0; index < nop.length; index++)
      if (ground.hasRelocation(spotIn(at, start + index))) clean = false;
    if (clean) found.push({ start, end: start + nop.length });
  }
  return found;
}

/** The instructions around the first byte that differs. */
function bytesDifference(
  unit: UnitTables,
  code: Uint8Array,
  shipped: Uint8Array,
  offset: number,
): Omit<MatchDifference, 'instruction' | 'at'> {
  const { arch } = unit.model;
  const expected = arch.instructionAt(code, offset);
  const found = arch.instructionAt(shipped, offset);
  const raw = (bytes: Uint8Array) =>
    [...bytes.subarray(offset, offset + 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return {
    offset: expected?.offset ?? offset,
    what: 'bytes',
    expected: expected?.text ?? raw(code),
    found: found?.text ?? raw(shipped),
  };
}
