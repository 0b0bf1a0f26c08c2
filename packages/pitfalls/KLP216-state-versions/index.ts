import type { Pitfall } from '../src/pitfall.ts';

/** klp_state versions. */
export const klp216: Pitfall = {
  id: 'KLP216',
  name: 'state-versions',
  title: 'klp_state versions',
  severity: 'error',
  statement:
    'A patch without the states of the installed one, or with a lower version, is refused when it replaces.',
  seen: 'run time 6.1',
  safeWay: 'Carry all states forward.',
};
