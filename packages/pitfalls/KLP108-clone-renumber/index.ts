import type { ObjectModel } from '@klpkit/compare';
import { isObjectDiff } from '../src/builders.ts';
import { cloneOf } from '../src/clones.ts';
import { replacements } from '../src/evidence.ts';
import { isCompiledClone } from '../src/module.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list, unique } from '../src/words.ts';

/** Clone numbers are not identities. */
export const klp108: Pitfall = {
  id: 'KLP108',
  name: 'clone-renumber',
  title: 'Clone numbers are not identities',
  severity: 'warning',
  statement:
    'Where the compiler makes several clones of a function it numbers them, and the number is a count, not a name: foo.constprop.1 of one build may be another specialisation than foo.constprop.1 of the next.',
  seen: "gcc-11, gcc-12 with -fipa-cp-clone, which is part of -O3; not at the kernel's -O2, where every number is 0",
  safeWay:
    'Tell clones apart by what they do and who calls them, never by number, and compile with the flags of the shipped kernel.',
  unit: {
    needs: [],
    *find({ comparison }) {
      const { before, after, correlation } = comparison;
      const was = clonesByStem(before);
      const is = clonesByStem(after);
      for (const stem of unique([...was.keys(), ...is.keys()])) {
        const [b, a] = [was.get(stem) ?? [], is.get(stem) ?? []];
        if (b.length === 0 || a.length === 0 || Math.max(b.length, a.length) < 2) continue;
        const moved = b.flatMap((piece) => {
          const partner = correlation.afterOf(piece);
          return partner && partner.name !== piece.name
            ? [`${piece.name} is ${partner.name} after the fix`]
            : [];
        });
        if (moved.length === 0 && b.length === a.length) continue;
        yield {
          severity: 'note',
          what: `${stem} has ${b.length} numbered ${b.length === 1 ? 'clone' : 'clones'} before and ${a.length} after the fix${moved.length > 0 ? `: ${list(moved)}` : ''}`,
          why: 'the numbers are counted anew in each compilation; the clones were paired by their code, and a caller that ends up at another one counts as changed',
          next: 'when reading names with numbers, compare the code and the callers',
          evidence: ['symbols of both objects', 'comparison of the objects'],
          at: { symbol: b[0].name },
        };
      }
    },
  },
  livepatch: {
    needs: ['tables', 'code'],
    *find({ livepatch, model, elf }) {
      if (!model || isObjectDiff(livepatch, elf)) return;
      for (const one of replacements(livepatch)) {
        const clone = cloneOf(one.oldName);
        if (!clone || clone.number === 0 || isCompiledClone(model, one)) continue;
        yield {
          severity: 'warning',
          certainty: 'possible',
          what: `${one.oldName} of ${one.object} is one of several clones, and its number says nothing about which`,
          why: 'the number is a count that another build, of the same source too, may give to another specialisation',
          next: `compare the code of ${one.oldName} in the shipped kernel with what the new function replaces`,
          evidence: ['table of the module'],
          at: { symbol: one.oldName },
        };
      }
    },
  },
};

/** Clones of an object by their name without numbers. */
function clonesByStem(model: ObjectModel) {
  const found = new Map<string, ObjectModel['pieces'][number][]>();
  for (const piece of model.pieces) {
    if (piece.kind !== 'function' || !cloneOf(piece.name)) continue;
    const stem = piece.name.replace(/\.\d+/g, '');
    const known = found.get(stem);
    if (known) known.push(piece);
    else found.set(stem, [piece]);
  }
  return found;
}
