import type { Arch, ObjectModel, Piece } from '@klpkit/compare';
import { isBranch, partsOf } from './calls.ts';

type Steps = ReturnType<Arch['steps']>;

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

/** Bytes of a function, or of one part of it, that belong to direct jumps; as offsets in its section. */
export function jumpBytes(model: ObjectModel, part: Piece): Set<number> {
  return bytesOfJumps(part, model.arch.steps(model.content(part)));
}

function bytesOfJumps(part: Piece, steps: Steps): Set<number> {
  const bytes = new Set<number>();
  for (const { offset, length, branch } of steps)
    if (branch && branch.kind !== 'call')
      for (let at = offset; at < offset + length; at++) bytes.add(part.start + at);
  return bytes;
}

/** True when a function can come back to its caller: it has a return, an indirect jump, or a jump to something else. */
export function canReturn(model: ObjectModel, piece: Piece): boolean {
  const parts = partsOf(model, piece);
  return parts.some((part) => {
    const steps = model.arch.steps(model.content(part));
    if (steps.some(({ isEnd }) => isEnd === true)) return true;
    const jumps = bytesOfJumps(part, steps);
    return model
      .referencesOf(part)
      .some(
        (reference) =>
          jumps.has(reference.offset) &&
          isBranch(model, part, reference) &&
          !(reference.target.kind === 'piece' && parts.includes(reference.target.piece)),
      );
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
