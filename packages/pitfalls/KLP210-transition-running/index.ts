import type { Pitfall } from '../src/pitfall.ts';

/** Another transition is running. */
export const klp210: Pitfall = {
  id: 'KLP210',
  name: 'transition-running',
  title: 'Another transition is running',
  severity: 'note',
  statement: 'Only one patch can be in transition.',
  seen: 'run time 6.1',
  safeWay: 'Wait or reverse.',
};
