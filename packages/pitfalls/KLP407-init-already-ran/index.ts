import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions } from '../src/unit.ts';

/** Initialisation already happened. */
export const klp407: Pitfall = {
  id: 'KLP407',
  name: 'init-already-ran',
  title: 'Initialisation that already happened',
  severity: 'error',
  statement:
    'Code that runs when the kernel boots, a module loads or a device is found has run by the time the livepatch comes: changing it changes nothing for what exists already, and init code is gone from memory.',
  seen: 'at run time on Linux 6.1: a livepatch of start_kernel is refused, failed to find location for function',
  safeWay:
    'Repair what exists in a post_patch callback, and keep the change in the livepatch only for what comes later.',
  foundBy: ['compare', 'extract'],
  unit: {
    needs: [],
    *find(evidence) {
      const { after } = evidence.comparison;
      for (const { after: piece } of changedFunctions(evidence)) {
        if (!/(^|_)(probe|setup|attach)$/.test(piece.name) || after.kindOf(piece.section) === 'init')
          continue;
        const holder = after.pieces.find(
          (other) =>
            other.kind === 'object' &&
            after
              .referencesOf(other)
              .some(({ target }) => target.kind === 'piece' && target.piece === piece && target.offset === 0),
        );
        if (!holder) continue;
        yield {
          severity: 'note',
          certainty: 'likely',
          what: `${piece.name}, which ${holder.name} refers to, runs when a device or user is first seen`,
          why: 'what was set up before the livepatch came stays as the old code left it',
          next: 'check whether existing objects need repair; a post_patch callback is the place for it',
          evidence: ['data of the after object'],
          at: { symbol: piece.name },
        };
      }
    },
  },
};
