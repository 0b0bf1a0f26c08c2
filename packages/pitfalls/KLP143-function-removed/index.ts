import { coldParentName } from '@klpkit/compare';
import { STB } from '@klpkit/formats';
import { holdersOf } from '../src/calls.ts';
import { cloneOf } from '../src/clones.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list, unique, verb } from '../src/words.ts';

/** A function that the fix removes stays reachable. */
export const klp143: Pitfall = {
  id: 'KLP143',
  name: 'function-removed',
  title: 'A function that the fix removes stays reachable',
  severity: 'warning',
  statement:
    'A livepatch takes nothing out of the kernel: a function that the fixed source no longer has goes on being called through every pointer that was stored before, and by units that are not part of the fix.',
  seen: 'gcc-12, clang-19',
  safeWay:
    'Keep the function in the fix, with the body that it should have from now on, so that its old code is replaced under the old name.',
  foundBy: ['compare'],
  unit: {
    needs: [],
    *find({ comparison: { before, functions } }) {
      for (const { name, status, before: b } of functions) {
        // What is global is told by the comparison: it knows the aliases.
        if (status !== 'removed' || !b || b.binding !== STB.LOCAL) continue;
        if (coldParentName(name) !== undefined || cloneOf(name) || before.kindOf(b.section) === 'init')
          continue;
        const holders = unique(
          holdersOf(before, b)
            .filter(({ section }) => before.kindOf(section) !== 'init')
            .map((holder) => holder.name),
        );
        if (holders.length === 0) continue;
        yield {
          what: `${name} is gone from the fixed source, and ${list(holders)} ${verb(holders, 'has', 'have')} handed out its address`,
          why: 'a pointer that was stored before the livepatch came still leads to the old function, and nothing replaces it',
          next: `keep ${name} in the fix and give it the body that it should have, or be sure that no such pointer is left`,
          certainty: 'likely',
          evidence: ['relocations of the before object'],
          at: { symbol: name },
        };
      }
    },
  },
};
