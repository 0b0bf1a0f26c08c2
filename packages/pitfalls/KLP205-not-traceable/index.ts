import type { Pitfall } from '../src/pitfall.ts';

/** Target not traceable. */
export const klp205: Pitfall = {
  id: 'KLP205',
  name: 'not-traceable',
  title: 'Target not traceable',
  severity: 'error',
  statement: 'Same root as KLP130, seen at load.',
  seen: 'run time 6.1',
  safeWay: 'Patch callers.',
};
