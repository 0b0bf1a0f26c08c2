import { isFreshPiece, isNumbered, stemOf } from '@klpkit/compare';
import { isObjectDiff } from '../src/builders.ts';
import { holdersOf } from '../src/calls.ts';
import { replacements } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list, unique } from '../src/words.ts';

/** Static local variable duplicated by a copied function. */
export const klp123: Pitfall = {
  id: 'KLP123',
  name: 'static-local-split-state',
  title: 'A copied function brings its own static variable',
  severity: 'error',
  statement:
    'A function that is copied into a livepatch by hand brings its own instance of each static variable in it, so the state starts anew and is not shared with the code that stays.',
  seen: 'gcc-12, clang-19',
  safeWay:
    'Refer to the variable of the kernel through a KLP relocation, or accept that it starts anew and say so in the description of the livepatch.',
  foundBy: ['compare'],
  livepatch: {
    needs: ['tables', 'kernel', 'code'],
    *find({ livepatch, kernel, model, elf }) {
      // Whoever compares objects refers to the variables of the kernel, and brings only new ones.
      if (!kernel || !model || isObjectDiff(livepatch, elf)) return;
      const objects = unique(replacements(livepatch).map(({ object }) => object));
      for (const piece of model.pieces) {
        if (piece.kind !== 'object' || !isNumbered(piece.name) || isFreshPiece(piece)) continue;
        const kind = model.kindOf(piece.section);
        if (kind !== 'data' && kind !== 'bss') continue;
        const stem = stemOf(piece.name);
        const originals = objects.flatMap((object) =>
          kernel
            .relatives(object, stem)
            .filter((name) => isNumbered(name) && stemOf(name) === stem)
            .map((name) => `${name} of ${object}`),
        );
        if (originals.length === 0) continue;
        const users = unique(holdersOf(model, piece).map(({ name }) => name));
        yield {
          severity: 'warning',
          certainty: 'possible',
          what: `the module has a static variable ${piece.name} of its own${users.length > 0 ? `, used by ${list(users)}` : ''}, and the kernel has ${list(originals, 4)}`,
          why: 'if it came with a copied function, its state starts anew and is not shared with the code that stays unpatched',
          next: 'refer to the variable of the kernel through a KLP relocation, or make sure that a fresh one does no harm',
          evidence: ['symbols of the module', 'symbol table of the shipped kernel'],
          at: { symbol: piece.name, section: piece.section.name },
        };
      }
    },
  },
};
