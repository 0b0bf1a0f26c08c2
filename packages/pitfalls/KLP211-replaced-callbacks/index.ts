import type { Pitfall } from '../src/pitfall.ts';

/** Callbacks of the replaced patch do not run. */
export const klp211: Pitfall = {
  id: 'KLP211',
  name: 'replaced-callbacks',
  title: 'Callbacks of the replaced patch do not run',
  severity: 'error',
  statement: "With atomic replace only the new patch's callbacks run: what the old post_patch set up stays.",
  seen: 'run time 6.1',
  safeWay: 'Cumulative patch must take over state (klp_state).',
};
