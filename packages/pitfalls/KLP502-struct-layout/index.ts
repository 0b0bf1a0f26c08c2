import type { Pitfall } from '../src/pitfall.ts';

/** Structure layout. */
export const klp502: Pitfall = {
  id: 'KLP502',
  name: 'struct-layout',
  title: 'Structure layout',
  severity: 'error',
  statement:
    'Objects that exist have the old layout: new code that looks for a field at another offset, or beyond the old end, reads and writes memory that is something else. A field in a hole of the old layout is no better: old objects hold rubbish there.',
  seen: 'gcc-12',
  safeWay: 'Keep the layout and attach what is new as a shadow variable; never fill holes.',
  foundBy: ['compare'],
};
