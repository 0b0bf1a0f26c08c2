import type { KernelEvidence } from '../src/evidence.ts';
import type { Observation, Pitfall } from '../src/pitfall.ts';

/** No reliable stack trace. */
export const klp412: Pitfall = {
  id: 'KLP412',
  name: 'no-reliable-stack',
  title: 'A kernel without reliable stack traces',
  severity: 'error',
  statement:
    'Without HAVE_RELIABLE_STACKTRACE the kernel cannot tell whether a task is in an old function; kernel threads that never return to user mode are then never switched, and the transition does not end.',
  seen: 'by the source of Linux 6.1 and 6.12, kernel/livepatch/core.c; x86-64 has it with the ORC unwinder',
  safeWay: 'Use a kernel that is built with it: on x86-64 CONFIG_UNWINDER_ORC.',
  unit: { needs: ['kernel', 'configuration'], find: ({ kernel }) => (kernel ? lacking(kernel) : []) },
  livepatch: { needs: ['kernel', 'configuration'], find: ({ kernel }) => (kernel ? lacking(kernel) : []) },
};

function lacking(kernel: KernelEvidence): Observation[] {
  const option = 'CONFIG_HAVE_RELIABLE_STACKTRACE';
  if (kernel.config?.(option) === 'y') return [];
  return [
    {
      what: `${kernel.release} is built without ${option}`,
      why: 'kernel threads are never switched to the new code, so no transition ends',
      next: 'use a kernel with the ORC unwinder',
      evidence: ['configuration of the kernel'],
    },
  ];
}
