import type { Pitfall } from '../src/pitfall.ts';

/** Function listed twice. */
export const klp207: Pitfall = {
  id: 'KLP207',
  name: 'listed-twice',
  title: 'Function listed twice',
  severity: 'error',
  statement: 'The same (object, name, sympos) in one patch collides in sysfs.',
  seen: 'run time 6.1',
  safeWay: 'Remove one.',
};
