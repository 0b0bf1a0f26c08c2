import type { Pitfall } from '../src/pitfall.ts';

/** Callee specialised in place for its callers. */
export const klp111: Pitfall = {
  id: 'KLP111',
  name: 'callee-specialised-in-place',
  title: 'Callee specialised in place for its callers',
  severity: 'error',
  statement:
    'A static function may lose checks that its current callers make redundant, without a clone or rename: a new caller then bypasses the check.',
  seen: 'gcc-12 and clang-14/16/19 on masks; gcc-11 on constants',
  safeWay: 'Include the callee in the patch (own copy under a new name), do not call the original.',
};
