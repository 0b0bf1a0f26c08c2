import type { Pitfall } from '../src/pitfall.ts';

/** Clone numbers are not identities. */
export const klp108: Pitfall = {
  id: 'KLP108',
  name: 'clone-renumber',
  title: 'Clone numbers are not identities',
  severity: 'warning',
  statement: 'foo.constprop.0 in two builds may be different specialisations of foo.',
  seen: "gcc-11/12 with -fipa-cp-clone (part of -O3); NOT at the kernel's -O2",
  safeWay: 'Match clones by body/callers, not by name; build with the original flags.',
};
