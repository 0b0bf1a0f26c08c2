import type { Comparison, ObjectModel, Piece, Reference } from '@klpkit/compare';
import { partsOf } from './calls.ts';

/** True when two functions have the same instructions, whatever they refer to. */
export function isSameCode({ before, after }: Comparison, b: Piece, a: Piece): boolean {
  const [x, y] = [maskedCode(before, b), maskedCode(after, a)];
  return x.length === y.length && x.every((byte, index) => byte === y[index]);
}

/** The code of a function with zeroes in every field that a relocation fills. */
function maskedCode(model: ObjectModel, piece: Piece): Uint8Array {
  const code = Uint8Array.from(model.content(piece));
  for (const { offset, type } of model.referencesOf(piece)) {
    const mask = model.arch.fieldMask(type);
    for (let index = 0; mask && index < mask.length; index++)
      code[offset - piece.start + index] &= ~mask[index];
  }
  return code;
}

/** Functions that come with the livepatch: what changed and what is new, cold parts apart. On the after side, in the object's order. */
export function livepatched({ functions }: Comparison): Piece[] {
  return functions.flatMap(({ status, after, parent }) =>
    after && !parent && (status === 'changed' || status === 'new') ? [after] : [],
  );
}

/** What a function refers to, its cold part included. */
export function referencesOf(model: ObjectModel, piece: Piece): Reference[] {
  return partsOf(model, piece).flatMap((part) => [...model.referencesOf(part)]);
}

/** Names of other units' symbols that a function refers to, its cold part included. */
export function externalsOf(model: ObjectModel, piece: Piece): Set<string> {
  const names = new Set<string>();
  for (const { target } of referencesOf(model, piece)) if (target.kind === 'external') names.add(target.name);
  return names;
}
