import type { Pitfall } from '../src/pitfall.ts';

/** Function always on a stack. */
export const klp402: Pitfall = {
  id: 'KLP402',
  name: 'always-on-a-stack',
  title: 'Function always on a stack',
  severity: 'error',
  statement: 'A kthread main loop (or schedule path) never leaves: the transition never ends.',
  seen: 'run time 6.1',
  safeWay: 'Patch a callee of the loop instead.',
};
