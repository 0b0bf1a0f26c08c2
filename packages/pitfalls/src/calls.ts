import { coldParentName, type ObjectModel, type Piece, type Reference } from '@klpkit/compare';

/** True when a reference is the operand of a direct call or jump. */
export function isBranch(model: ObjectModel, piece: Piece, { offset, type }: Reference): boolean {
  return piece.kind === 'function' && model.arch.isBranchOperand(model.bytes(piece.section), offset, type);
}

/** A function with its cold part: all of its code. */
export function partsOf(model: ObjectModel, piece: Piece): Piece[] {
  return [piece, ...model.named(`${piece.name}.cold`).filter((part) => part.kind === 'function')];
}

/** How many calls and jumps lead from a function to another one. */
export function countCalls(model: ObjectModel, from: Piece, to: Piece): number {
  return countReferences(model, from, to, (piece, reference) => isBranch(model, piece, reference));
}

/** How often a function refers to a piece, calls apart. */
export function countUses(model: ObjectModel, from: Piece, to: Piece): number {
  return countReferences(model, from, to, (piece, reference) => !isBranch(model, piece, reference));
}

function countReferences(
  model: ObjectModel,
  from: Piece,
  to: Piece,
  counts: (piece: Piece, reference: Reference) => boolean,
): number {
  let count = 0;
  for (const part of partsOf(model, from))
    for (const reference of model.referencesOf(part))
      if (
        reference.target.kind === 'piece' &&
        reference.target.piece === to &&
        part !== to &&
        counts(part, reference)
      )
        count++;
  return count;
}

/** Who refers to each piece of an object: functions by their code, variables by their content. */
interface Users {
  /** Functions that call or jump to it; a cold part counts as its function. */
  readonly callers: ReadonlyMap<Piece, ReadonlySet<Piece>>;
  /** What refers to it in any other way. */
  readonly holders: ReadonlyMap<Piece, ReadonlySet<Piece>>;
}

const known = new WeakMap<ObjectModel, Users>();

function usersIn(model: ObjectModel): Users {
  const found = known.get(model);
  if (found) return found;
  const callers = new Map<Piece, Set<Piece>>();
  const holders = new Map<Piece, Set<Piece>>();
  for (const piece of model.pieces) {
    const user = wholeOf(model, piece);
    for (const reference of model.referencesOf(piece)) {
      if (reference.target.kind !== 'piece') continue;
      const to = wholeOf(model, reference.target.piece);
      if (to === user) continue;
      const map = isBranch(model, piece, reference) ? callers : holders;
      const users = map.get(to);
      if (users) users.add(user);
      else map.set(to, new Set([user]));
    }
  }
  const users = { callers, holders };
  known.set(model, users);
  return users;
}

/** The function that a cold part belongs to; any other piece is whole by itself. */
export function wholeOf(model: ObjectModel, piece: Piece): Piece {
  const parent = piece.kind === 'function' ? coldParentName(piece.name) : undefined;
  return (parent !== undefined && model.named(parent).find(({ kind }) => kind === 'function')) || piece;
}

/** Functions of the object that call a function or jump to it, in the object's order. */
export function callersOf(model: ObjectModel, piece: Piece): Piece[] {
  return [...(usersIn(model).callers.get(piece) ?? [])];
}

/** Functions and variables that refer to a piece in any other way than a call. */
export function holdersOf(model: ObjectModel, piece: Piece): Piece[] {
  return [...(usersIn(model).holders.get(piece) ?? [])];
}
