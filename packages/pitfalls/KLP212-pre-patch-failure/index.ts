import type { Pitfall } from '../src/pitfall.ts';

/** pre_patch failure blocks the target module. */
export const klp212: Pitfall = {
  id: 'KLP212',
  name: 'pre-patch-failure',
  title: 'pre_patch failure blocks the target module',
  severity: 'warning',
  statement: 'With the livepatch loaded first, a failing pre_patch makes the target module unloadable.',
  seen: 'run time 6.1',
  safeWay: 'Fail only for reasons that justify losing the driver.',
};
