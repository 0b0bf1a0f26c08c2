import type { Pitfall } from '../src/pitfall.ts';

/** Patch flips an inlining decision. */
export const klp132: Pitfall = {
  id: 'KLP132',
  name: 'inline-decision-flip',
  title: 'Patch flips an inlining decision',
  severity: 'warning',
  statement:
    'The edited function becomes too big to inline (or small enough): a symbol appears or disappears and callers change.',
  seen: 'gcc-11/12, clang-14/16/19',
  safeWay: '__always_inline / noinline on the definition in the patch to keep the old shape.',
};
