import { replacements } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { copiesIn, editedNames, isHeader, isTouched } from '../src/unit.ts';
import { list, verb } from '../src/words.ts';

/** Function inlined into every caller. */
export const klp101: Pitfall = {
  id: 'KLP101',
  name: 'inlined-everywhere',
  title: 'Function inlined into every caller',
  severity: 'error',
  statement:
    'The function that the fix changes has no code of its own: every caller holds a private copy of its body, and there is no symbol that a livepatch could replace.',
  seen: 'gcc-11, gcc-12, clang-14, clang-16, clang-19',
  safeWay:
    'Replace every function that holds a copy, directly or through other inlined functions. Never list the helper itself: its name does not exist.',
  unit: {
    needs: ['placement', 'edits'],
    *find({ comparison, placement, edits }) {
      for (const name of editedNames(edits ?? [])) {
        const found = placement?.before.functions.get(name);
        if (!found || found.symbols.length > 0 || isHeader(found.declared?.file)) continue;
        const copies = copiesIn(placement?.before, name);
        if (copies.length === 0) continue;
        const unchanged = copies.filter((into) => !isTouched({ comparison }, into));
        yield {
          severity: 'note',
          what: `${name} has no code of its own: its body is inside ${list(copies)}`,
          why: `nothing can be replaced under its name; the livepatch replaces ${verb(copies, 'the function that holds the copy', 'the functions that hold the copies')} instead${unchanged.length > 0 ? `, except ${list(unchanged)}, whose code is the same on both sides` : ''}`,
          evidence: ['inlining of the before object', 'comparison of the objects'],
          at: { symbol: name },
        };
      }
    },
  },
  livepatch: {
    needs: ['tables', 'kernel'],
    *find({ livepatch, kernel }) {
      for (const { object, oldName } of replacements(livepatch)) {
        if (oldName === '' || oldName.includes('.') || kernel?.symbols(object, oldName)?.length !== 0)
          continue;
        if (kernel.relatives(object, oldName).length > 0) continue;
        yield {
          severity: 'note',
          certainty: 'likely',
          what: `${object} has no code called ${oldName}, under no suffix either`,
          why: 'when the source has such a function, the compiler has inlined it into every caller, and each caller holds a copy of its body',
          next: 'replace the callers that hold the copies; `klpkit who inlines` lists them',
          evidence: ['symbol table of the shipped kernel'],
          at: { symbol: oldName },
        };
      }
    },
  },
};
