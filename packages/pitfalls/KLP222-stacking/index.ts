import { upgradedFunctions } from '@klpkit/livepatch';
import type { Pitfall } from '../src/pitfall.ts';
import { list } from '../src/words.ts';

/** Livepatches stacked on each other. */
export const klp222: Pitfall = {
  id: 'KLP222',
  name: 'stacking',
  title: 'Two livepatches without replace stack on one function',
  severity: 'warning',
  statement:
    'Without replace, the livepatch that was enabled last wins for each function; it hides the fix of the other one, and disabling the lower one is allowed and shows no effect.',
  seen: "at run time on Linux 6.1 and 6.12: the second one's value before and after the first was disabled",
  safeWay: 'Make livepatches cumulative: one that holds all fixes, with replace set.',
  livepatch: {
    needs: ['tables', 'older'],
    *find({ livepatch, older }) {
      if (livepatch.patch?.replace || !older) return;
      const both = upgradedFunctions(older, livepatch).filter(({ change }) => change === 'kept');
      if (both.length === 0) return;
      yield {
        what: `${list(both.map(({ name }) => name))} ${both.length === 1 ? 'is' : 'are'} replaced by ${older.name || 'the older livepatch'} as well, and this one does not set replace`,
        why: 'the kernel keeps both and runs the one that was enabled last: its function must hold both fixes',
        next: 'set replace, and put all fixes into this livepatch',
        evidence: ['klp_patch of both modules'],
        at: { symbol: both[0].name },
      };
    },
  },
};
