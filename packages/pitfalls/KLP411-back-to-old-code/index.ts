import type { Pitfall } from '../src/pitfall.ts';
import { list } from '../src/words.ts';

/** Disable or replace goes back to old code. */
export const klp411: Pitfall = {
  id: 'KLP411',
  name: 'back-to-old-code',
  title: 'Disabling or replacing goes back to old code',
  severity: 'warning',
  statement:
    'When the livepatch is disabled, or replaced by one without the function, the old code runs again and meets what the new code and the callbacks left behind.',
  seen: 'at run time on Linux 6.1 and 6.12, for a livepatch that is disabled',
  safeWay:
    'Write only what the old code can read, or undo it in pre_unpatch or post_unpatch, and describe it with a klp_state so that the next livepatch takes it over.',
  review: {
    reason: 'whether old code can live with new data is a question about meaning',
    look: 'what the new code and the callbacks write to objects that outlive the livepatch',
  },
  livepatch: {
    needs: ['tables'],
    *find({ livepatch }) {
      if ((livepatch.patch?.states.length ?? 0) > 0) return;
      for (const { name, callbacks } of livepatch.patch?.objects ?? []) {
        const does = ['pre_patch', 'post_patch'].filter((kind) => callbacks.has(kind));
        const undoes = ['pre_unpatch', 'post_unpatch'].some((kind) => callbacks.has(kind));
        if (does.length === 0 || undoes) continue;
        yield {
          severity: 'note',
          what: `${name} has ${list(does)} and nothing that undoes it`,
          why: 'what the callback changes stays when the livepatch is disabled or replaced, and the old code runs on it',
          next: 'add pre_unpatch or post_unpatch, or a klp_state that the next livepatch takes over',
          evidence: ['tables of the module'],
          at: { symbol: callbacks.get(does[0]) ?? name },
        };
      }
    },
  },
};
