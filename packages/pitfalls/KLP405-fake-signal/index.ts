import { callNames, isInterruptible } from '../src/kernel-calls.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions } from '../src/unit.ts';
import { list, unique } from '../src/words.ts';

/** The fake signal of a stalled transition. */
export const klp405: Pitfall = {
  id: 'KLP405',
  name: 'fake-signal',
  title: 'The fake signal of a stalled transition ends waits early',
  severity: 'note',
  statement:
    'A transition that has not ended after 15 seconds sends a signal that is none to the tasks that hold it up: interruptible waits end with -ERESTARTSYS although nothing happened.',
  seen: 'at run time on Linux 6.1 and 6.12: "signaling remaining tasks", and a wait whose result was not checked went on with a value that was not there yet',
  safeWay:
    'Old code that checks the result of its waits is not harmed; where it does not, complete the transition while nobody waits there.',
  unit: {
    needs: [],
    *find(evidence) {
      for (const { before } of changedFunctions(evidence)) {
        const names = unique(callNames(evidence.comparison.before, before).filter(isInterruptible));
        if (names.length === 0) continue;
        yield {
          certainty: 'likely',
          what: `tasks wait in ${before.name}, by ${list(names)}, until a signal or the event comes`,
          why: 'they hold the transition up, and after 15 seconds the kernel wakes them as by a signal; what the old code then does with the wait that did not end runs in production',
          next: 'check that the old code looks at the result of that wait',
          evidence: ['calls of the before object'],
          at: { symbol: before.name },
        };
      }
    },
  },
};
