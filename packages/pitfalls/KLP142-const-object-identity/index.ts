import { isFreshPiece, isNumbered, type ObjectModel, type Piece } from '@klpkit/compare';
import { holdersOf } from '../src/calls.ts';
import { replacements } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list, unique } from '../src/words.ts';

/** The address of a constant object is its identity. */
export const klp142: Pitfall = {
  id: 'KLP142',
  name: 'const-object-identity',
  title: 'The address of a constant object is its identity',
  severity: 'warning',
  statement:
    'A table of operations that the livepatch copies has another address than the kernel’s, so code that asks "is this one of mine?" by comparing pointers no longer knows it, and what is registered with the copy points into the module.',
  seen: 'gcc-12, clang-19',
  safeWay:
    'Refer to the original with a KLP relocation. klpkit never copies an object that the running kernel has.',
  livepatch: {
    needs: ['tables', 'kernel', 'code'],
    *find({ livepatch, kernel, model }) {
      if (!model) return;
      const objects = unique(replacements(livepatch).map(({ object }) => object));
      for (const piece of model.pieces) {
        if (!isTable(model, piece)) continue;
        const home = objects.find((object) =>
          kernel?.symbols(object, piece.name)?.some(({ type }) => /^[rRdD]$/.test(type)),
        );
        const users = holdersOf(model, piece).map(({ name }) => name);
        if (home === undefined || users.length === 0) continue;
        yield {
          what: `the module has a ${piece.name} of its own, and so has ${home}`,
          why: `${list(unique(users))} hands out the address of the copy: code that compares pointers with the kernel's does not know it, and it is gone with the module`,
          next: `refer to the ${piece.name} of ${home} with a KLP relocation`,
          certainty: 'likely',
          evidence: ['symbols and relocations of the module', 'symbol table of the shipped kernel'],
          at: { symbol: piece.name, section: piece.section.name },
        };
      }
    },
  },
};

/** A constant that the source named and that points to functions: not a string, a switch table or what a macro makes. */
function isTable(model: ObjectModel, piece: Piece): boolean {
  if (piece.kind !== 'object' || isFreshPiece(piece) || isNumbered(piece.name)) return false;
  if (model.kindOf(piece.section) !== 'rodata' || piece.name.startsWith('__')) return false;
  return model
    .referencesOf(piece)
    .some(
      ({ target }) =>
        (target.kind === 'piece' && target.piece.kind === 'function') || target.kind === 'external',
    );
}
