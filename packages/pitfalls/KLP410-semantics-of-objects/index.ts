import { callNames, isLifetime } from '../src/kernel-calls.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions } from '../src/unit.ts';
import { list, unique } from '../src/words.ts';

/** Semantics of existing objects. */
export const klp410: Pitfall = {
  id: 'KLP410',
  name: 'semantics-of-objects',
  title: 'Objects from before the livepatch keep their old meaning',
  severity: 'error',
  statement:
    'An object that the old code made carries the old meaning of its fields (a reference counted or not, a unit, a flag); new code that expects the new meaning counts one too many or frees what it does not own.',
  seen: 'follows from how livepatches work; the kpatch author guide has a case (kioctx reference counts)',
  safeWay:
    'Mark objects that the new code made, with a shadow variable, and treat the others as the old code did.',
  review: {
    reason:
      'what a counter or a flag means to other code is not in the object code, and the two sides look alike',
    look: 'every changed function that allocates, frees, or takes and drops references otherwise than before',
  },
  unit: {
    needs: [],
    *find(evidence) {
      const { before, after } = evidence.comparison;
      const differing = changedFunctions(evidence).flatMap((change) => {
        const [old, now] = [callNames(before, change.before), callNames(after, change.after)].map((names) =>
          names.filter(isLifetime).sort(),
        );
        if (old.join() === now.join()) return [];
        return [{ name: change.after.name, calls: difference(old, now) }];
      });
      if (differing.length === 0) return;
      yield {
        severity: 'note',
        certainty: 'possible',
        what: `${list(differing.map(({ name }) => name))} allocate, free or count otherwise than before: ${list(unique(differing.flatMap(({ calls }) => calls)))}`,
        why: 'objects that exist when the livepatch comes were made and counted by the old code',
        next: 'check that the new code is right for objects of the old code too; mark new objects with a shadow variable if not',
        evidence: ['calls of both objects'],
        at: { symbol: differing[0].name },
      };
    },
  },
};

/** What stands in one of two sorted lists more often than in the other. */
function difference(a: readonly string[], b: readonly string[]): string[] {
  const count = new Map<string, number>();
  for (const name of a) count.set(name, (count.get(name) ?? 0) - 1);
  for (const name of b) count.set(name, (count.get(name) ?? 0) + 1);
  return [...count].filter(([, number]) => number !== 0).map(([name]) => name);
}
