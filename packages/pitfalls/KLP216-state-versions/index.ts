import { upgradedStates } from '@klpkit/livepatch';
import type { Pitfall } from '../src/pitfall.ts';
import { list } from '../src/words.ts';

/** States that do not go with those of the installed livepatch. */
export const klp216: Pitfall = {
  id: 'KLP216',
  name: 'state-versions',
  title: 'The system states do not go with those of the installed livepatch',
  severity: 'error',
  statement:
    'For every klp_state of an installed livepatch, a new one that has the id needs a version at least as high, and a new one that replaces must have the id; else the kernel refuses it with EINVAL.',
  seen: 'at run time on Linux 6.1 and 6.12: EINVAL, is not compatible with the already installed livepatches',
  safeWay: 'Carry all states forward, and raise a version whenever the meaning of the state changes.',
  livepatch: {
    needs: ['tables', 'older'],
    *find({ livepatch, older }) {
      if (!older) return;
      const refused = upgradedStates(older, livepatch).filter(({ isCompatible }) => !isCompatible);
      const lower = refused.filter(({ newer }) => newer !== undefined);
      const missing = refused.filter(({ newer }) => newer === undefined);
      const evidence = ['klp_state of both modules'];
      const why =
        'the kernel refuses the livepatch with EINVAL: not compatible with the already installed livepatches';
      if (lower.length > 0)
        yield {
          what: `${list(lower.map((state) => `state ${state.id} has version ${state.newer} and had ${state.older}`))} in ${older.name || 'the older livepatch'}`,
          why,
          next: 'give at least the version that is installed',
          evidence,
        };
      if (missing.length > 0)
        yield {
          what: `${list(missing.map(({ id }) => `state ${id}`))} of ${older.name || 'the older livepatch'} is not among the states of this one, which replaces it`,
          why,
          next: 'carry the states forward, with callbacks that take them over',
          evidence,
        };
    },
  },
};
