import type { ObjectModel, Piece } from '@klpkit/compare';
import { sourceName } from './fates.ts';
import type { SourcePlan } from './plan.ts';

/** The function of that name. */
export function functionNamed(model: ObjectModel, name: string): Piece | undefined {
  return model.named(name).find(({ kind }) => kind === 'function');
}

/**
 * Functions that headers bring into a generated object `model` and the kernel has as well, to which the object has pointers: what keeps one
 * would be left with a pointer to nothing once the livepatch is removed (KLP142).
 *
 * @param before the unit as the kernel has it
 */
export function pointedOwn(model: ObjectModel, before: ObjectModel, plan: SourcePlan): Set<string> {
  const found = new Set<string>();
  for (const piece of model.pieces) {
    if (piece.kind !== 'function' && piece.kind !== 'object') continue;
    const code = piece.kind === 'function' ? model.bytes(piece.section) : undefined;
    for (const { target, offset, type } of model.referencesOf(piece)) {
      if (target.kind !== 'piece' || target.piece.kind !== 'function' || target.piece === piece) continue;
      const { name } = target.piece;
      if (target.offset !== 0 || plan.functions.has(name) || !functionNamed(before, name)) continue;
      if (code && model.arch.isBranchOperand(code, offset, type)) continue;
      found.add(name);
    }
  }
  return found;
}

/**
 * Variables that headers bring into a generated object and the kernel has as well: the livepatch would count in its own (KLP123).
 *
 * @param isFresh what each copy may have of its own, as flags of what is said once
 */
export function splitState(
  model: ObjectModel,
  before: ObjectModel,
  plan: SourcePlan,
  isFresh: (piece: Piece) => boolean,
): string[] {
  const isState = (one: ObjectModel) => (piece: Piece) =>
    piece.kind === 'object' &&
    piece.size > 0 &&
    /^(data|bss)$/.test(one.kindOf(piece.section)) &&
    !isFresh(piece);
  const known = new Set(before.pieces.filter(isState(before)).map(({ name }) => sourceName(name)));
  const found = model.pieces.filter(isState(model)).map(({ name }) => sourceName(name));
  return [...new Set(found)].filter((name) => known.has(name) && !plan.variables.has(name)).sort();
}
