import { callNames, isLocking } from '../src/kernel-calls.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions } from '../src/unit.ts';
import { list } from '../src/words.ts';

/** Lock order or protocol change across functions. */
export const klp403: Pitfall = {
  id: 'KLP403',
  name: 'lock-order',
  title: 'Locks taken in another order, or another protocol, across functions',
  severity: 'error',
  statement:
    'The consistency model switches one task after the other: while the transition lasts, one task runs all old functions and another all new ones, at the same time and on the same data.',
  seen: 'follows from the consistency model, Documentation/livepatch/livepatch.rst; not reproduced',
  safeWay:
    'Keep the new locking compatible with the old one while both run: take the new lock in addition, in an order that the old code cannot invert, or change the protocol in two livepatches.',
  review: {
    reason:
      'which lock protects what, and which orders are allowed, is in the heads and comments of the authors; a program sees calls, not what they mean',
    look: 'every changed function whose calls to take and release locks differ between the two sides, together with all other users of these locks',
  },
  unit: {
    needs: [],
    *find(evidence) {
      const { before, after } = evidence.comparison;
      const differing = changedFunctions(evidence).flatMap((change) => {
        const [old, now] = [callNames(before, change.before), callNames(after, change.after)].map((names) =>
          names.filter(isLocking),
        );
        return old.join() === now.join() ? [] : [change.after.name];
      });
      if (differing.length === 0) return;
      yield {
        severity: 'note',
        certainty: 'possible',
        what: `the calls that take and release locks differ in ${list(differing)}`,
        why: 'tasks switch to the new code one by one: until the transition ends, old and new locking run at the same time on the same data',
        next: 'check that a task in the old functions and one in the new functions exclude each other and cannot deadlock',
        evidence: ['order of locking calls in both objects'],
        at: { symbol: differing[0] },
      };
    },
  },
};
