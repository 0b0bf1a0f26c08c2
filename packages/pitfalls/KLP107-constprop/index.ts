import type { Pitfall } from '../src/pitfall.ts';

/** Constant-propagated clone (.constprop). */
export const klp107: Pitfall = {
  id: 'KLP107',
  name: 'constprop',
  title: 'Constant-propagated clone (.constprop)',
  severity: 'error',
  statement:
    'foo.constprop.N has an argument burned in: calling it from new code with another value silently does the wrong thing, and one new call can make the clone disappear.',
  seen: 'gcc-11/12',
  safeWay:
    'Copy the function under a new name and call the copy from the patch; leave the existing callers alone.',
};
