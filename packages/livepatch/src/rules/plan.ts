import type { Finding } from '@klpkit/findings';
import type { LivepatchPlan } from '../types.ts';
import type { KernelFacts } from './facts.ts';
import { structureRules } from './structure.ts';

/** Holds what is to be patched against the kernel's rules before there is a module: as `checkRules` does with the finished one. */
export function planRules(plan: LivepatchPlan, kernel: KernelFacts): Finding[] {
  const objects = plan.objects.map(({ name, functions }) => ({
    name,
    isVmlinux: name === 'vmlinux',
    callbacks: new Map<string, string>(),
    functions: functions.map((one) => ({ ...one, hasNew: true })),
  }));
  return structureRules(
    { patch: { replace: plan.replace, objects, states: [], unterminated: [], astray: [] } },
    kernel,
  );
}
