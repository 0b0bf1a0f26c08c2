import type { Step } from '../arch/arch.ts';
import type { Piece, Reference } from '../model/model.ts';
import { type Attempt, spotIn } from './attempt.ts';
import type { Ground, ShippedSymbol } from './ground.ts';
import { checkReference, type Ledger } from './reference.ts';
import type { UnitTables } from './unit.ts';

/**
 * Compares a function with a candidate instruction by instruction. The assembler picks the short form of a jump where the distance
 * is known to be small; with -ffunction-sections it does not know the distance to a neighbour, so the same jump can be longer here,
 * and everything behind it is shifted.
 *
 * Every instruction must be the same bytes but for relocated fields, or the same kind of direct jump to the place that corresponds;
 * padding behind an unconditional jump does not count.
 *
 * @returns `undefined` when the functions differ in more than that
 */
export function attemptByInstructions(
  unit: UnitTables,
  piece: Piece,
  at: ShippedSymbol,
  ground: Ground,
): Attempt | undefined {
  const { model } = unit;
  const { arch } = model;
  const code = model.content(piece);
  const room = ground.room(at);
  const limit = at.size ?? Math.min(room, piece.size + 64);
  const shipped = ground.bytes(at, limit);
  if (!shipped) return undefined;
  const ours = arch.steps(code);
  const theirs = arch.steps(shipped);
  const references = model.referencesOf(piece);
  const sites = unit.jumpSites(piece.section);
  const ledger: Ledger = { claims: [], targetsChecked: 0 };
  /** Starts of instructions, here → there; the end of the function too. */
  const map = new Map<number, number>();
  const branches: [number, number][] = [];
  const explained = new Map<number, number>();
  let jumpLabels = 0;
  let reencoded = 0;
  let next = 0;

  const check = (reference: Reference, theirOffset: number): boolean => {
    const name = arch.relocationName(reference.type);
    const meaning = ground.meaning(spotIn(at, theirOffset), reference, name);
    if (typeof meaning === 'string' || checkReference(model, reference, meaning, ground, ledger))
      return false;
    explained.set(theirOffset, reference.type);
    return true;
  };

  let there = 0;
  let end = 0;
  for (let index = 0; index < ours.length; index++) {
    if (isPadding(ours, index)) continue;
    while (isPadding(theirs, there)) there++;
    const a = ours[index];
    const b = theirs[there++];
    if (!b) return undefined;
    map.set(a.offset, b.offset);
    end = b.offset + b.length;
    const own: Reference[] = [];
    while (next < references.length && references[next].offset - piece.start < a.offset + a.length)
      own.push(references[next++]);
    if (sites.has(piece.start + a.offset) && isNop(unit, a, shipped, b)) {
      // A nop of another length is a jump of another length that was made a nop.
      if (a.length !== b.length) reencoded++;
      jumpLabels++;
      continue;
    }
    if (a.branch && b.branch && a.branch.kind !== 'call' && a.branch.kind === b.branch.kind) {
      if (own.length > 1) return undefined;
      if (a.length !== b.length) reencoded++;
      const [reference] = own;
      if (!reference) {
        branches.push([a.branch.target, b.branch.target]);
        continue;
      }
      if (a.length === b.length) {
        if (!check(reference, b.offset + reference.offset - piece.start - a.offset)) return undefined;
        continue;
      }
      // The shipped jump is resolved: it leads to symbol plus addend and on by the distance from our field to its end.
      for (let byte = 0; byte < b.length; byte++)
        if (ground.hasRelocation(spotIn(at, b.offset + byte))) return undefined;
      const target = ground.jumpTarget(at, b.branch.target);
      const tail = a.offset + a.length - (reference.offset - piece.start);
      const spot = { space: target.space, value: target.value - tail };
      if (checkReference(model, reference, { spot }, ground, ledger)) return undefined;
      continue;
    }
    if (a.length !== b.length) return undefined;
    const masked = new Uint8Array(a.length);
    for (const reference of own) {
      const inside = reference.offset - piece.start - a.offset;
      masked.fill(1, inside, inside + (arch.fieldWidth(reference.type) ?? 0));
      if (!check(reference, b.offset + inside)) return undefined;
    }
    for (let byte = 0; byte < a.length; byte++)
      if (!masked[byte] && code[a.offset + byte] !== shipped[b.offset + byte]) return undefined;
  }
  if (reencoded === 0 || next !== references.length) return undefined;
  if (end > room || (at.size !== undefined && at.size !== end)) return undefined;
  map.set(code.length, end);
  for (const [ourTarget, theirTarget] of branches) if (map.get(ourTarget) !== theirTarget) return undefined;
  const unknown = ground.unexplained(at, end, explained, () => false);
  if (unknown) return undefined;
  return {
    piece,
    at,
    difference: undefined,
    verdict: 'jump-encoding',
    jumpLabels,
    targetsChecked: ledger.targetsChecked,
    claims: ledger.claims,
  };
}

/** Nops that fill up to the next aligned place behind a jump that is always taken: nobody runs them, and their length follows the shift. */
function isPadding(steps: readonly Step[], index: number): boolean {
  let at = index;
  while (at >= 0 && steps[at]?.isNop) at--;
  return at >= 0 && at < index && steps[at]?.branch?.kind === 'jmp';
}

/** True when the shipped step is exactly a nop that objtool makes of a jump, and ours is a jump. */
function isNop(unit: UnitTables, ours: Step, shipped: Uint8Array, theirs: Step): boolean {
  if (ours.branch?.kind !== 'jmp') return false;
  return unit.model.arch.jumpLabelNops.some(
    (nop) =>
      nop.length === theirs.length && nop.every((byte, index) => shipped[theirs.offset + index] === byte),
  );
}
