import type { Pitfall } from '../src/pitfall.ts';

/** Identical constants folded. */
export const klp120: Pitfall = {
  id: 'KLP120',
  name: 'icf-data',
  title: 'Identical constants folded',
  severity: 'warning',
  statement:
    'Two equal const tables are one object; changing one source table makes a "new" symbol appear and moves references.',
  seen: 'gcc-11/12 (-fipa-icf-variables), clang-14/16/19 (constant merge, .rodata.cst16)',
  safeWay: 'Give the changed table a new name in the patch.',
};
