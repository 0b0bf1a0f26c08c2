import type { Pitfall } from '../src/pitfall.ts';

/** noreturn discovered by the compiler. */
export const klp113: Pitfall = {
  id: 'KLP113',
  name: 'noreturn',
  title: 'noreturn discovered by the compiler',
  severity: 'error',
  statement:
    'If a local function never returned, callers have no code after the call; once the patched version returns, execution runs into whatever follows.',
  seen: 'gcc-11/12, clang-14/16/19',
  safeWay: 'Patch every caller whose code ends in that call.',
};
