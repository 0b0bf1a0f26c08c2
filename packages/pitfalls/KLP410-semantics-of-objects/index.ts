import type { Pitfall } from '../src/pitfall.ts';

/** Semantics of existing objects. */
export const klp410: Pitfall = {
  id: 'KLP410',
  name: 'semantics-of-objects',
  title: 'Semantics of existing objects',
  severity: 'error',
  statement: 'Objects created before the patch keep the old meaning (reference counts, units, flags).',
  seen: 'not run',
  safeWay: 'Mark new objects with a shadow variable.',
};
