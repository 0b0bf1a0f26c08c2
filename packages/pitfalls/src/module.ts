import type { ObjectModel } from '@klpkit/compare';
import type { Livepatch } from '@klpkit/livepatch';
import { cloneOf } from './clones.ts';
import type { Replacement } from './evidence.ts';

/** All names that a module's own symbol table gives to the code that runs in place of a kernel function. */
export function namesOfNew(model: ObjectModel, { newSymbol }: Replacement): string[] {
  if (newSymbol === undefined) return [];
  return model.named(newSymbol).flatMap((piece) => [piece.name, ...piece.aliases]);
}

/** True when a module has something of that name itself or refers to it in the kernel. */
export function refersTo(model: ObjectModel, livepatch: Livepatch, name: string): boolean {
  if (model.named(name).length > 0) return true;
  if (livepatch.klpRelocations.some((relocation) => relocation.name === name)) return true;
  for (let index = 1; index < model.symbols.count; index++)
    if (model.symbols.name(index) === name) return true;
  return false;
}

/**
 * True when the code that replaces a clone was itself compiled as a clone of the same kinds of the same function: it then takes what
 * the compiler hands to such a clone, as far as the two compilations agree. Code that somebody wrote has a name without the suffix.
 */
export function isCompiledClone(model: ObjectModel, replacement: Replacement): boolean {
  const old = cloneOf(replacement.oldName);
  return namesOfNew(model, replacement).some((name) => {
    const clone = cloneOf(name);
    return clone?.source === old?.source && clone?.kinds.join() === old?.kinds.join();
  });
}
