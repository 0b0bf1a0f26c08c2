import type { Pitfall } from '../src/pitfall.ts';

/** Ambiguous name with sympos 0. */
export const klp204: Pitfall = {
  id: 'KLP204',
  name: 'ambiguous-name',
  title: 'Ambiguous name with sympos 0',
  severity: 'error',
  statement:
    'Several symbols of that name in one object: loading fails; a wrong sympos patches the wrong function.',
  seen: 'run time 6.1',
  safeWay: 'Set old_sympos from symbol-table order of the final object.',
};
