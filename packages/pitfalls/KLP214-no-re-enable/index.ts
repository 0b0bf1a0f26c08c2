import type { Pitfall } from '../src/pitfall.ts';

/** A disabled patch cannot be enabled again. */
export const klp214: Pitfall = {
  id: 'KLP214',
  name: 'no-re-enable',
  title: 'A disabled patch cannot be enabled again',
  severity: 'note',
  statement: 'After disabling, the sysfs directory disappears; reload the module.',
  seen: 'run time 6.1',
  safeWay: 'rmmod + insmod.',
};
