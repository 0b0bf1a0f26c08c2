import type { Pitfall } from '../src/pitfall.ts';

/** Pure/const discovery removes or merges calls. */
export const klp112: Pitfall = {
  id: 'KLP112',
  name: 'pure-const',
  title: 'Pure/const discovery removes or merges calls',
  severity: 'error',
  statement:
    'Calls to a side-effect-free function are merged or deleted in its callers, so giving it a side effect does nothing there.',
  seen: 'gcc-11/12, clang-14/16/19; also for global noinline functions',
  safeWay: 'Patch the callers listed by the object diff, or add a new function for the new behaviour.',
};
