import type { Pitfall } from '../src/pitfall.ts';

/** Weak and alias symbols. */
export const klp144: Pitfall = {
  id: 'KLP144',
  name: 'weak-and-alias',
  title: 'Weak and alias symbols',
  severity: 'note',
  statement:
    'Weak definitions stop inlining; an overridden weak body is nameless dead text; two alias names are one patch point.',
  seen: 'gcc-12, clang-19',
  safeWay: 'Patch one of the names.',
};
