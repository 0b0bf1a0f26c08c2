import type { Pitfall } from '../src/pitfall.ts';

/** Static whose address was never taken. */
export const klp118: Pitfall = {
  id: 'KLP118',
  name: 'nonaddressable-static',
  title: 'Static whose address was never taken',
  severity: 'error',
  statement:
    'Unpatched code assumes pointers cannot reach the variable; exporting its address invalidates that.',
  seen: 'gcc-11/12, clang-14/16/19; not disabled by -flive-patching',
  safeWay: 'Patch the readers, or hand out the address of a copy.',
};
