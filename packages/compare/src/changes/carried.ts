import { STB } from '@klpkit/formats';
import type { ObjectModel, Piece } from '../model/model.ts';
import { coldParentName } from './names.ts';
import type { FunctionChange } from './types.ts';

/** True when the kernel can take over a function at its ftrace entry. */
export function hasFtraceEntry(model: ObjectModel, piece: Piece): boolean {
  const first = model.referencesOf(piece)[0];
  return (
    first?.target.kind === 'external' &&
    model.arch.isFtraceEntry(first.target.name, first.offset - piece.start)
  );
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
