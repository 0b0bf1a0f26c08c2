import type { Pitfall } from '../src/pitfall.ts';

/** Static local duplicated by a copied function. */
export const klp123: Pitfall = {
  id: 'KLP123',
  name: 'static-local-split-state',
  title: 'Static local duplicated by a copied function',
  severity: 'error',
  statement:
    'A hand-copied function brings its own instance of a static local, so state restarts at zero and is no longer shared.',
  seen: 'gcc-12, clang-19',
  safeWay: 'Refer to the original through a klp relocation, or accept and document the reset.',
};
