import { upgradedCallbacks } from '@klpkit/livepatch';
import { callbacksOf } from '../src/callbacks.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list, unique } from '../src/words.ts';

/** Callbacks of a replaced livepatch never run. */
export const klp211: Pitfall = {
  id: 'KLP211',
  name: 'replaced-callbacks',
  title: 'The callbacks of a replaced livepatch do not run',
  severity: 'error',
  statement:
    'When a livepatch with replace set takes over, only its own callbacks run: the pre_unpatch and post_unpatch of the replaced one never do, and what its callbacks had set up stays.',
  seen: 'at run time on Linux 6.1 and 6.12: no callback of the replaced livepatch in the log',
  safeWay:
    'Let the new livepatch take over what the old one has set up: give it a klp_state, and look at it in the callbacks of both.',
  livepatch: {
    needs: ['tables', 'older'],
    *find({ livepatch, older }) {
      if (!livepatch.patch?.replace || !older) return;
      const lost = upgradedCallbacks(older, livepatch).filter(
        ({ of, name, runs }) => of === 'older' && name.endsWith('_unpatch') && runs === 'never',
      );
      if (lost.length === 0) return;
      const isCared = callbacksOf(livepatch).length > 0 || livepatch.patch.states.length > 0;
      yield {
        severity: isCared ? 'note' : 'error',
        what: `${list(unique(lost.map(({ name, object }) => `${name} of ${object}`)))} of ${older.name || 'the older livepatch'} will not run when this one replaces it`,
        why: isCared
          ? 'this livepatch has callbacks or states of its own: they must take over what the older one has set up'
          : 'what the older one has set up stays for ever: this livepatch has neither callbacks nor states that could take it over',
        next: isCared
          ? 'see that its callbacks find the state of the older one and keep or undo it'
          : 'give it callbacks that take over or undo what the older one did, or disable the older one first',
        evidence: ['klp_patch and callbacks of both modules'],
      };
    },
  },
};
