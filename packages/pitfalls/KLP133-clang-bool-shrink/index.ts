import type { Pitfall } from '../src/pitfall.ts';

/** Two-valued static shrunk to a byte (clang). */
export const klp133: Pitfall = {
  id: 'KLP133',
  name: 'clang-bool-shrink',
  title: 'Two-valued static shrunk to a byte (clang)',
  severity: 'error',
  statement:
    'clang stores a static int that only ever holds 0 and one constant as a one-byte flag of the same name.',
  seen: 'clang-14/16/19; gcc not',
  safeWay: 'New variable in the patch, patch all users.',
};
