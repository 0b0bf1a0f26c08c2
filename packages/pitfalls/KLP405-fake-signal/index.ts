import type { Pitfall } from '../src/pitfall.ts';

/** Fake signal disturbs sleepers. */
export const klp405: Pitfall = {
  id: 'KLP405',
  name: 'fake-signal',
  title: 'Fake signal disturbs sleepers',
  severity: 'note',
  statement: 'After 15 s interruptible sleepers of the old function are woken as by a signal.',
  seen: 'run time 6.1',
  safeWay: '-',
};
