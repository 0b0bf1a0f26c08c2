import type { Pitfall } from '../src/pitfall.ts';

/** Function inlined into every caller. */
export const klp101: Pitfall = {
  id: 'KLP101',
  name: 'inlined-everywhere',
  title: 'Function inlined into every caller',
  severity: 'error',
  statement:
    'The function you want to patch has no code of its own: every caller holds a private copy of its body.',
  seen: 'gcc-11/12, clang-14/16/19',
  safeWay:
    'Patch every caller in the list (new bodies that call or contain the new helper). Never invent a klp_func for the helper.',
};
