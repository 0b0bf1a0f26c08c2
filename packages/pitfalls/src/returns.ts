import type { ObjectModel, Piece } from '@klpkit/compare';
import { isBranch, partsOf } from './calls.ts';

/** The function of the object that a function, or its cold part, calls as its very last instruction: nothing follows the call. */
export function lastCalls(model: ObjectModel, piece: Piece): Piece[] {
  return partsOf(model, piece).flatMap((part) => {
    const last = model.arch.steps(model.content(part)).at(-1);
    if (last?.branch?.kind !== 'call') return [];
    const end = part.start + last.offset + last.length;
    const reference = model
      .referencesOf(part)
      .find(({ offset }) => offset >= part.start + last.offset && offset < end);
    return reference?.target.kind === 'piece' && reference.target.offset === 0
      ? [reference.target.piece]
      : [];
  });
}

/** True when a function can come back to its caller: it has a return, an indirect jump, or a jump to something else. */
export function canReturn(model: ObjectModel, piece: Piece): boolean {
  return partsOf(model, piece).some((part) => {
    const steps = model.arch.steps(model.content(part));
    if (steps.some(({ isEnd }) => isEnd === true)) return true;
    return model.referencesOf(part).some((reference) => {
      const step = steps.find(
        ({ offset, length }) =>
          reference.offset >= part.start + offset && reference.offset < part.start + offset + length,
      );
      if (!isBranch(model, part, reference) || !step?.branch || step.branch.kind === 'call') return false;
      const { target } = reference;
      return !(target.kind === 'piece' && partsOf(model, piece).includes(target.piece));
    });
  });
}

/** {@link canReturn} for shipped code, which has no relocations: a return, or a jump out of it. */
export function codeCanReturn(model: ObjectModel, code: Uint8Array): boolean {
  return model.arch
    .steps(code)
    .some(
      ({ isEnd, branch }) =>
        isEnd === true ||
        (branch !== undefined &&
          branch.kind !== 'call' &&
          (branch.target < 0 || branch.target >= code.length)),
    );
}
