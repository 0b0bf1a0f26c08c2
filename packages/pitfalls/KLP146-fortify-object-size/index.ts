import type { Pitfall } from '../src/pitfall.ts';

/** Fortify check lost by refactoring. */
export const klp146: Pitfall = {
  id: 'KLP146',
  name: 'fortify-object-size',
  title: 'Fortify check lost by refactoring',
  severity: 'warning',
  statement:
    'After moving a copy into a helper the object size is unknown and the run-time bound check silently disappears.',
  seen: 'gcc-11/12, clang-14/19 (with pass_object_size)',
  safeWay: 'Keep the access in the original function or check explicitly.',
};
