import type { Pitfall } from '../src/pitfall.ts';

/** Shadow variable id collision. */
export const klp217: Pitfall = {
  id: 'KLP217',
  name: 'shadow-id-collision',
  title: 'Shadow variable id collision',
  severity: 'error',
  statement: "(obj, id) is a global key: another patch's id returns its data.",
  seen: 'run time 6.1',
  safeWay: 'Allocate ids from a registry per project, e.g. CVE-based 64-bit constants.',
};
