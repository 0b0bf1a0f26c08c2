import type { Pitfall } from '../src/pitfall.ts';

/** Initial value of a variable. */
export const klp501: Pitfall = {
  id: 'KLP501',
  name: 'initial-value',
  title: 'Initial value of a variable',
  severity: 'error',
  statement:
    'The variable exists already, with the value that it has now; a livepatch replaces functions, so another initial value in the source changes nothing, and the functions that use the variable are the same on both sides.',
  seen: 'gcc-12, clang-19',
  safeWay:
    'Assign the new value in a post_patch callback, and put the old one back in post_unpatch; mind that a callback of a replaced livepatch does not run (KLP211).',
  foundBy: ['compare'],
};
