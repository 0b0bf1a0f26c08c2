import type { Pitfall } from '../src/pitfall.ts';

/** Shadow constructor runs in atomic context. */
export const klp218: Pitfall = {
  id: 'KLP218',
  name: 'shadow-constructor-atomic',
  title: 'Shadow constructor runs in atomic context',
  severity: 'error',
  statement: 'ctor is called under klp_shadow_lock with interrupts off.',
  seen: 'run time 6.1',
  safeWay: 'Allocate before, pass through ctor_data.',
};
