import type { Pitfall } from '../src/pitfall.ts';

/** Footprint of common macros. */
export const klp315: Pitfall = {
  id: 'KLP315',
  name: 'macro-footprint',
  title: 'Footprint of common macros',
  severity: 'note',
  statement: 'What tracepoints, pr_debug, WARN_ONCE, mutex_init, ratelimit, might_sleep, kmalloc really add.',
  seen: 'gcc-12, real 6.1 headers',
  safeWay: 'Avoid in patches of modules.',
};
