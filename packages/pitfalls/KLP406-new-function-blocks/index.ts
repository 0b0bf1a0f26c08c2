import type { ObjectModel, Piece } from '@klpkit/compare';
import { replacements } from '../src/evidence.ts';
import { callNames, mayBeAsleepIn } from '../src/kernel-calls.ts';
import { namesOfNew } from '../src/module.ts';
import type { Observation, Pitfall } from '../src/pitfall.ts';
import { canReturn } from '../src/returns.ts';
import { changedFunctions } from '../src/unit.ts';
import { list, unique } from '../src/words.ts';

/** A new function that is never left. */
export const klp406: Pitfall = {
  id: 'KLP406',
  name: 'new-function-blocks',
  title: 'A new function in which a task stays keeps the livepatch from being removed',
  severity: 'warning',
  statement:
    'Disabling a livepatch waits until no task is in a new function; one that sleeps there in a loop without end blocks it for ever, and a forced transition then pins the module until the next boot.',
  seen: 'at run time on Linux 6.1 and 6.12: a thread in the new loop kept the livepatch enabled; after force, rmmod failed',
  safeWay: 'Keep loops that wait out of new functions, or plan never to remove the livepatch.',
  unit: {
    needs: [],
    *find(evidence) {
      const { before, after } = evidence.comparison;
      for (const change of changedFunctions(evidence)) {
        const names = sleepersInEndlessLoop(after, change.after);
        // What waits for ever on both sides is KLP402: the livepatch does not even get in.
        if (names.length > 0 && sleepersInEndlessLoop(before, change.before).length === 0)
          yield observation(change.after.name, names, 'code of the after object');
      }
    },
  },
  livepatch: {
    needs: ['tables', 'code'],
    *find({ livepatch, model }) {
      if (!model) return;
      for (const one of replacements(livepatch)) {
        const [piece] = namesOfNew(model, one).flatMap((name) => model.named(name));
        const names = piece ? sleepersInEndlessLoop(model, piece) : [];
        if (names.length > 0) yield observation(one.oldName, names, 'code of the module');
      }
    },
  },
};

function observation(name: string, sleepers: readonly string[], evidence: string): Observation {
  return {
    certainty: 'likely',
    what: `the new ${name} never returns, and sleeps by ${list(sleepers)}`,
    why: 'a task in it keeps the livepatch from being disabled or replaced; forcing it leaves the module loaded for ever',
    next: 'give the loop an end, or move what waits out of the livepatch',
    evidence: [evidence],
    at: { symbol: name },
  };
}

/** What a function calls that sleeps, when it has no way out: no return, and no jump out of it but to functions that do not come back. */
function sleepersInEndlessLoop(model: ObjectModel, piece: Piece): string[] {
  // Decoding takes its time, and few functions sleep.
  const sleepers = unique(callNames(model, piece).filter(mayBeAsleepIn));
  return sleepers.length > 0 && !canReturn(model, piece) ? sleepers : [];
}
