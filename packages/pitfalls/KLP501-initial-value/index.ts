import type { Pitfall } from '../src/pitfall.ts';

/** Initial value of a variable. */
export const klp501: Pitfall = {
  id: 'KLP501',
  name: 'initial-value',
  title: 'Initial value of a variable',
  severity: 'error',
  statement: 'The variable already exists with its old value; function diffs are empty.',
  seen: 'gcc-12, clang-19',
  safeWay: 'Assign in a callback (KLP211-213 apply).',
};
