import type { Pitfall } from '../src/pitfall.ts';

/** Global or exported does not mean opaque. */
export const klp145: Pitfall = {
  id: 'KLP145',
  name: 'global-is-no-barrier',
  title: 'Global or exported does not mean opaque',
  severity: 'warning',
  statement:
    'Kernel code is non-PIC, so the compiler inlines and analyses global functions like static ones.',
  seen: 'gcc-11/12, clang-14/19',
  safeWay: 'As KLP102.',
};
