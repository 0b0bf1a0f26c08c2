import type { Pitfall } from '../src/pitfall.ts';

/** Sleeping in .cold escapes the stack check. */
export const klp401: Pitfall = {
  id: 'KLP401',
  name: 'cold-stack-hole',
  title: 'Sleeping in .cold escapes the stack check',
  severity: 'error',
  statement:
    'The stack check compares return addresses with [func, func+size) only: a task sleeping in func.cold does not block the transition, and a livepatch that sleeps in its own .cold can be unloaded under it.',
  seen: 'gcc-12; run time 6.1',
  safeWay:
    'Build the new function with -fno-reorder-blocks-and-partition (file flag or optimize attribute; checked: no .cold, __fentry__ kept; not re-run in the kernel); do not rmmod such a patch; for an old .cold sleeper make sure by other means that nobody is inside.',
};
