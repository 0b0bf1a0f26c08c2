import type { Pitfall } from '../src/pitfall.ts';

/** Callbacks run again at every (un)load of the target. */
export const klp213: Pitfall = {
  id: 'KLP213',
  name: 'callbacks-run-again',
  title: 'Callbacks run again at every (un)load of the target',
  severity: 'warning',
  statement: "For module objects callbacks follow the module's life, before its init.",
  seen: 'run time 6.1',
  safeWay: 'Make them idempotent; do not touch data the module init will set.',
};
