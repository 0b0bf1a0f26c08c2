import type { Pitfall } from '../src/pitfall.ts';

/** A livepatch whose symbols were stripped. */
export const klp209: Pitfall = {
  id: 'KLP209',
  name: 'stripped',
  title: 'The module was stripped',
  severity: 'error',
  statement:
    'The kernel looks up the size of each new function, and every KLP symbol, in the symbol table of the livepatch; strip --strip-unneeded takes the names of static functions away, and the livepatch is refused with ENOENT.',
  seen: 'at run time on Linux 6.1 and 6.12: ENOENT, kallsyms size lookup failed',
  safeWay: 'Strip debug information alone (strip -g), and before the module is signed.',
  foundBy: ['rules'],
};
