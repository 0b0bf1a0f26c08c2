import type { ObjectModel, Piece } from '@klpkit/compare';
import { mayBeAsleepIn, ownCallNames } from '../src/kernel-calls.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list, unique } from '../src/words.ts';

/** Sleeping in .cold escapes the stack check. */
export const klp401: Pitfall = {
  id: 'KLP401',
  name: 'cold-stack-hole',
  title: 'Sleeping in .cold escapes the stack check',
  severity: 'error',
  statement:
    'A transition looks for the address range of the function alone on the stacks of tasks; the part that the compiler split off as foo.cold lies elsewhere, so a task that sleeps there is taken for one that is not in the function at all.',
  seen: 'gcc-12; at run time on Linux 6.1 and 6.12',
  safeWay:
    'Keep the new function whole with -fno-reorder-blocks-and-partition, or do not unload a livepatch whose new function can sleep in its cold part; for an old one make sure by other means that nobody is in it.',
  unit: {
    needs: [],
    *find({ comparison }) {
      for (const { status, before, after, parent } of comparison.functions) {
        if (status !== 'changed' || parent || !before || !after) continue;
        const old = sleepersIn(comparison.before, before);
        const now = sleepersIn(comparison.after, after);
        if (old.length > 0)
          yield {
            severity: 'warning',
            certainty: 'likely',
            what: `${before.name} may sleep in its cold part, by ${list(old)}`,
            why: 'a task that sleeps there does not hold the transition up: it is switched to the new code and later returns into the rest of the old function',
            next: 'make sure that old and new code get along when a task runs first the one and then the other',
            evidence: ['calls of the before object'],
            at: { symbol: before.name },
          };
        if (now.length > 0) yield unloading(after.name, now, 'calls of the after object');
      }
    },
  },
  livepatch: {
    needs: ['code'],
    *find({ model }) {
      if (!model) return;
      for (const piece of model.pieces) {
        if (piece.kind !== 'function' || piece.name.endsWith('.cold')) continue;
        const names = sleepersIn(model, piece);
        if (names.length > 0) yield unloading(piece.name, names, 'calls of the module');
      }
    },
  },
};

function unloading(name: string, sleepers: readonly string[], evidence: string) {
  return {
    severity: 'warning',
    certainty: 'likely',
    what: `the new ${name} may sleep in its cold part, by ${list(sleepers)}`,
    why: 'a task that sleeps there is not seen when the livepatch is disabled; when the module is then unloaded, the task wakes in memory that is gone',
    next: `do not unload this livepatch, or build ${name} with __attribute__((optimize("no-reorder-blocks-and-partition")))`,
    evidence: [evidence],
    at: { symbol: name },
  } as const;
}

/** What the cold part of a function calls that sleeps. */
function sleepersIn(model: ObjectModel, piece: Piece): string[] {
  const cold = model.named(`${piece.name}.cold`).filter((part) => part.kind === 'function');
  return unique(cold.flatMap((part) => ownCallNames(model, part)).filter(mayBeAsleepIn));
}
