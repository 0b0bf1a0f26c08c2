import type { Pitfall } from '../src/pitfall.ts';

/** Enumerators and macros. */
export const klp504: Pitfall = {
  id: 'KLP504',
  name: 'header-constant',
  title: 'Enumerators and macros',
  severity: 'warning',
  statement: 'Values are baked into every user and into stored data.',
  seen: 'gcc-12',
  safeWay: 'Append, never insert.',
};
