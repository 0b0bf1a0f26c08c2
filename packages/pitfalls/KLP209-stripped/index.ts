import type { Pitfall } from '../src/pitfall.ts';

/** Livepatch module stripped. */
export const klp209: Pitfall = {
  id: 'KLP209',
  name: 'stripped',
  title: 'Livepatch module stripped',
  severity: 'error',
  statement: "The core needs the module's own symbol table.",
  seen: 'run time 6.1',
  safeWay: 'strip -g at most, before signing.',
};
