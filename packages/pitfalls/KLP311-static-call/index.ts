import type { Pitfall } from '../src/pitfall.ts';

/** Static call on a module's key. */
export const klp311: Pitfall = {
  id: 'KLP311',
  name: 'static-call',
  title: "Static call on a module's key",
  severity: 'error',
  statement: 'Same ordering problem for .static_call_sites.',
  seen: 'gcc-12, clang-19; real headers',
  safeWay: 'KLP_STATIC_CALL().',
};
