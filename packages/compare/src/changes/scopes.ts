import { STB, STT } from '@klpkit/formats';
import type { ObjectModel, Piece } from '../model/model.ts';

/** The source that a local name belongs to; empty for a global one. */
export type Scope = (piece: Piece) => string;

/**
 * Which source each local name of two objects belongs to, or `undefined` where that tells nothing: for units, which have one, and for
 * objects that were not linked of the same files.
 */
export function scopesOf(
  before: ObjectModel,
  after: ObjectModel,
): { readonly before: Scope; readonly after: Scope } | undefined {
  const [had, has] = [filesOf(before), filesOf(after)];
  if (had.names.size < 2 || had.names.size !== has.names.size) return undefined;
  if (![...had.names].every((name) => has.names.has(name))) return undefined;
  return { before: had.scope, after: has.scope };
}

/** Which source each local name of one object belongs to. */
export function scopeOf(model: ObjectModel): Scope {
  return filesOf(model).scope;
}

interface Files {
  readonly names: ReadonlySet<string>;
  readonly scope: Scope;
}

const known = new WeakMap<ObjectModel, Files>();

/** A symbol of type FILE stands before the local symbols of that file (ELF gABI, "Symbol Table"). */
function filesOf(model: ObjectModel): Files {
  const cached = known.get(model);
  if (cached) return cached;
  const { symbols } = model;
  const files: string[] = [];
  const names = new Set<string>();
  let file = '';
  for (let index = 1; index < symbols.count; index++) {
    if (symbols.type[index] === STT.FILE) {
      file = symbols.name(index);
      names.add(file);
    }
    files[index] = file;
  }
  const made: Files = {
    names,
    scope: ({ binding, symbol }) => (binding === STB.LOCAL ? (files[symbol] ?? '') : ''),
  };
  known.set(model, made);
  return made;
}
