import type { ObjectModel, Piece } from '@klpkit/compare';
import { partsOf } from './calls.ts';
import { isWrite, takesAddress } from './operands.ts';

/** Variables of the object that a function writes by name, each once, in the order of the code. */
export function writesIn(model: ObjectModel, piece: Piece): Piece[] {
  return variablesIn(model, piece, isWrite);
}

/** Variables of the object that a function reads (or reads and writes) by name. */
export function readsIn(model: ObjectModel, piece: Piece): Piece[] {
  return variablesIn(model, piece, (...at) => !takesAddress(...at) && (!isWrite(...at) || isReadToo(...at)));
}

/** Variables whose address a piece takes: a function in its code, a variable in its content. */
export function addressesIn(model: ObjectModel, piece: Piece): Piece[] {
  return variablesIn(model, piece, takesAddress);
}

function isReadToo(...[model, piece, { offset }]: Parameters<typeof isWrite>): boolean {
  const text = model.arch.instructionAt(model.content(piece), offset - piece.start)?.text ?? '';
  // Plain stores write and do not read; everything else that writes memory changes what is there.
  return !/^(mov|set)/.test(text);
}

function variablesIn(model: ObjectModel, piece: Piece, counts: typeof isWrite): Piece[] {
  const found = new Set<Piece>();
  for (const part of piece.kind === 'function' ? partsOf(model, piece) : [piece])
    for (const reference of model.referencesOf(part)) {
      const { target } = reference;
      if (target.kind === 'piece' && target.piece.kind === 'object' && counts(model, part, reference))
        found.add(target.piece);
    }
  return [...found];
}
