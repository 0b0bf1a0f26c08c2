import type { Pitfall } from '../src/pitfall.ts';

/** Several symbols of one name, and no position. */
export const klp204: Pitfall = {
  id: 'KLP204',
  name: 'ambiguous-name',
  title: 'Several functions have the name, and no position says which is meant',
  severity: 'error',
  statement:
    'With sympos 0 the name must be unique in its object, else the kernel refuses the livepatch; a sympos that counts in another order than the kernel replaces another function without a word.',
  seen: 'at run time on Linux 6.1 and 6.12: EINVAL, unresolvable ambiguity for symbol',
  safeWay:
    "Give old_sympos, counted from 1: by ascending address among the kernel's own symbols, by place in the symbol table of a module.",
  foundBy: ['rules'],
};
