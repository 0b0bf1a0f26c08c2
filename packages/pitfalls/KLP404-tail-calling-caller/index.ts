import type { ObjectModel, Piece } from '@klpkit/compare';
import { isBranch, partsOf } from '../src/calls.ts';
import { mayBeAsleepIn, targetName } from '../src/kernel-calls.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { jumpBytes } from '../src/returns.ts';
import { changedFunctions } from '../src/unit.ts';
import { list, unique } from '../src/words.ts';

/** A caller that ends in a jump is not on the stack. */
export const klp404: Pitfall = {
  id: 'KLP404',
  name: 'tail-calling-caller',
  title: 'A function that ends in a jump is not on the stack of what it jumps to',
  severity: 'note',
  statement:
    'Where the last thing that a function does is to call another, the compiler jumps there; a task that sleeps in the callee has no trace of the caller on its stack, so it does not hold the transition of the caller up.',
  seen: 'gcc-12; at run time on Linux 6.1 and 6.12: the transition completed while the callee slept, and the old result came back',
  safeWay:
    'Nothing is left to run of the old caller, so it is safe in itself; patch the callee too when what it returns must be that of the new code.',
  unit: {
    needs: [],
    *find(evidence) {
      for (const { before } of changedFunctions(evidence)) {
        const names = sleepyJumps(evidence.comparison.before, before);
        if (names.length === 0) continue;
        yield {
          what: `${before.name} ends in a jump to ${list(names)}, which may sleep`,
          why: `a task that sleeps there is not seen as one in ${before.name}: it is switched at once and returns what the old code made of it`,
          next: `make sure that a result of the old ${before.name} does no harm after the transition`,
          evidence: ['jumps of the before object'],
          at: { symbol: before.name },
        };
      }
    },
  },
};

/** Sleeping functions that a function ends in a jump to. */
function sleepyJumps(model: ObjectModel, piece: Piece): string[] {
  return unique(
    partsOf(model, piece).flatMap((part) => {
      const sleepy = model.referencesOf(part).flatMap((reference) => {
        const name = isBranch(model, part, reference) ? targetName(reference) : undefined;
        return name !== undefined && mayBeAsleepIn(name) ? [{ name, offset: reference.offset }] : [];
      });
      if (sleepy.length === 0) return [];
      const jumps = jumpBytes(model, part);
      return sleepy.flatMap(({ name, offset }) => (jumps.has(offset) ? [name] : []));
    }),
  );
}
