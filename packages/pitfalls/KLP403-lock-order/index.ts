import type { Pitfall } from '../src/pitfall.ts';

/** Lock order or protocol change across functions. */
export const klp403: Pitfall = {
  id: 'KLP403',
  name: 'lock-order',
  title: 'Lock order or protocol change across functions',
  severity: 'error',
  statement: 'Functions switch per task; two tasks may run old and new protocol at once.',
  seen: 'not run',
  safeWay: 'One task-consistent unit does not help other tasks: keep both protocols compatible.',
};
