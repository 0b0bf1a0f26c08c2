import type { Pitfall } from '../src/pitfall.ts';

/** Taint and signature. */
export const klp223: Pitfall = {
  id: 'KLP223',
  name: 'taint-and-signature',
  title: 'Taint and signature',
  severity: 'note',
  statement: 'Loading sets K (bit 15) and, unsigned, E; lockdown needs a signature.',
  seen: 'run time 6.1',
  safeWay: 'Sign the module.',
};
