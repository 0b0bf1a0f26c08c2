import type { Pitfall } from '../src/pitfall.ts';

/** Tail-calling caller is invisible. */
export const klp404: Pitfall = {
  id: 'KLP404',
  name: 'tail-calling-caller',
  title: 'Tail-calling caller is invisible',
  severity: 'note',
  statement: 'See KLP124: patched while its callee sleeps.',
  seen: 'run time 6.1',
  safeWay: 'Include the callee in the patch if its return path matters.',
};
