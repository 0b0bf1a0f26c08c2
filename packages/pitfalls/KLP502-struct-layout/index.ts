import type { Pitfall } from '../src/pitfall.ts';

/** Structure layout. */
export const klp502: Pitfall = {
  id: 'KLP502',
  name: 'struct-layout',
  title: 'Structure layout',
  severity: 'error',
  statement: 'Existing objects have the old layout.',
  seen: 'gcc-12 + pahole',
  safeWay: 'Shadow variable; never fill holes.',
};
