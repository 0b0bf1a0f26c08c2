import type { Pitfall } from '../src/pitfall.ts';

/** Never-written static folded into its readers. */
export const klp116: Pitfall = {
  id: 'KLP116',
  name: 'readonly-static',
  title: 'Never-written static folded into its readers',
  severity: 'error',
  statement:
    'A static variable that is only read has no storage; code that starts writing it needs a new variable and new readers.',
  seen: 'gcc-11/12, clang-14/16/19',
  safeWay: 'Introduce the variable in the patch and patch every reader.',
};
