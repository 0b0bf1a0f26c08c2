import type { ObjectModel, Piece } from '@klpkit/compare';
import { replacements } from '../src/evidence.ts';
import { callNames } from '../src/kernel-calls.ts';
import { namesOfNew } from '../src/module.ts';
import type { Observation, Pitfall } from '../src/pitfall.ts';
import { changedFunctions } from '../src/unit.ts';

/** Function always on a stack. */
export const klp402: Pitfall = {
  id: 'KLP402',
  name: 'always-on-a-stack',
  title: 'A function that is always on some stack',
  severity: 'error',
  statement:
    'A kernel thread sleeps inside its main function for as long as it runs; a livepatch of that function waits for it for ever, and the transition never ends.',
  seen: 'at run time on Linux 6.1: the thread keeps its old state for as long as one waits; reversing the transition works at once',
  safeWay: 'Leave the main function alone and patch a function that it calls in each round.',
  foundBy: ['extract'],
  unit: {
    needs: [],
    *find(evidence) {
      const known = new Set(
        evidence.found.filter(({ id }) => id === 'KLP402').map(({ at }) => at?.symbol ?? ''),
      );
      for (const { before } of changedFunctions(evidence))
        if (!known.has(before.name) && isMainLoop(evidence.comparison.before, before))
          yield observation(before.name, 'calls of the before object');
    },
  },
  livepatch: {
    needs: ['tables', 'code'],
    *find({ livepatch, model }) {
      if (!model) return;
      for (const one of replacements(livepatch)) {
        const [piece] = namesOfNew(model, one).flatMap((name) => model.named(name));
        if (piece && isMainLoop(model, piece)) yield observation(one.oldName, 'calls of the new function');
      }
    },
  },
};

/** Asks whether its thread is to stop: nobody but the main function of a thread does, as a rule, and it does so in a loop. */
function isMainLoop(model: ObjectModel, piece: Piece): boolean {
  return callNames(model, piece).includes('kthread_should_stop');
}

function observation(name: string, evidence: string): Observation {
  return {
    severity: 'warning',
    certainty: 'likely',
    what: `${name} asks kthread_should_stop(), so it is probably the main function of a kernel thread`,
    why: 'such a function is left only when the thread ends: as long as the thread runs, the transition cannot complete',
    next: `look where ${name} is called; if a thread is started with it, move the change into a function that it calls`,
    evidence: [evidence],
    at: { symbol: name },
  };
}
