import type { Pitfall } from '../src/pitfall.ts';

/** Shadow memory is zeroed. */
export const klp220: Pitfall = {
  id: 'KLP220',
  name: 'shadow-zeroed',
  title: 'Shadow memory is zeroed',
  severity: 'note',
  statement: "kpatch's guide says the data is left untouched; the kernel uses kzalloc.",
  seen: 'run time 6.1',
  safeWay: 'Check shadow.c of the target kernel.',
};
