import type { Pitfall } from '../src/pitfall.ts';

/** Identical functions folded (ICF). */
export const klp119: Pitfall = {
  id: 'KLP119',
  name: 'icf-functions',
  title: 'Identical functions folded (ICF)',
  severity: 'error',
  statement:
    "Two functions share one body: patching one name patches both, and the relocations of the other one's callers name the survivor.",
  seen: 'gcc-11/12; clang none at compile time',
  safeWay:
    'Check that the new behaviour is right for every alias; otherwise patch the callers to call a new function.',
};
