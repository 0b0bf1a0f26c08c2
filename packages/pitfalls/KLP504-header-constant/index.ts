import type { Pitfall } from '../src/pitfall.ts';

/** Enumerators and macros. */
export const klp504: Pitfall = {
  id: 'KLP504',
  name: 'header-constant',
  title: 'Enumerators and macros',
  severity: 'warning',
  statement:
    'The value of an enumerator or a macro is baked into the code of everybody who uses it and into data that was stored: units that are not compiled again, and objects from before, keep the old value.',
  seen: 'gcc-12',
  safeWay:
    'Append new values, never insert or renumber; otherwise patch every user, and mind what is stored.',
  foundBy: ['compare'],
};
