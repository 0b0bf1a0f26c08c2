import { STB } from '@klpkit/formats';
import { callersOf, holdersOf } from '../src/calls.ts';
import { cloneOf, sourceName } from '../src/clones.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedIndirectly, editedCallees, editedNames } from '../src/unit.ts';
import { list, unique } from '../src/words.ts';

/** Callee specialised in place for its callers. */
export const klp111: Pitfall = {
  id: 'KLP111',
  name: 'callee-specialised-in-place',
  title: 'Callee specialised in place for its callers',
  severity: 'error',
  statement:
    'A static function may lose checks that the values of its present callers make redundant, without a clone and without another name; a new caller that passes other values then bypasses the check.',
  seen: 'gcc-12, clang-14, clang-16 and clang-19 where callers mask the value; gcc-11 where they pass constants',
  safeWay:
    'Bring a copy of the callee along under a new name and call that; do not call the one of the running kernel with values that it has not seen.',
  unit: {
    needs: ['placement', 'edits'],
    *find(evidence) {
      const { comparison } = evidence;
      const { before, after } = comparison;
      const edited = new Set(editedNames(evidence.edits ?? []));
      for (const change of changedIndirectly(evidence)) {
        // Only what is called directly, from here alone, can be fitted to its callers.
        if (change.before.binding !== STB.LOCAL || holdersOf(before, change.before).length > 0) continue;
        if (cloneOf(change.before.name) || cloneOf(change.after.name)) continue;
        if (editedCallees(evidence, change).length > 0 || !sameReferences(change)) continue;
        const callers = unique(
          [...callersOf(before, change.before), ...callersOf(after, change.after)]
            .map((caller) => sourceName(caller.name))
            .filter((name) => edited.has(name)),
        );
        if (callers.length === 0) continue;
        yield {
          severity: 'note',
          certainty: 'likely',
          what: `${change.name} changes although its source does not: the compiler had fitted it to the values that its callers pass`,
          why: `${list(callers)} ${callers.length === 1 ? 'passes' : 'pass'} others now, and what was left out of the old ${change.name} is needed again; the livepatch brings the new code along`,
          next: `do not let new code call the ${change.name} of the running kernel`,
          evidence: ['code of both objects', 'lines that the fix edits'],
          at: { symbol: change.name },
        };
      }
    },
  },
};

/** True when the difference is one of the code itself, and not of what it refers to. */
function sameReferences({ difference }: { readonly difference?: { readonly kind: string } }): boolean {
  return difference?.kind === 'code' || difference?.kind === 'size';
}
