import type { Finding } from '@klpkit/findings';
import type { Livepatch } from '../read-types.ts';
import { withEvidence } from './evidence.ts';
import type { KernelFacts } from './facts.ts';
import { moduleRules } from './module.ts';
import { relocationRules } from './relocations.ts';
import { structureRules } from './structure.ts';

export type { ExportFact, KernelFacts } from './facts.ts';
export { planRules } from './plan.ts';
export { positionFinding } from './position.ts';

/**
 * Holds a livepatch against the rules of the kernel's livepatch core, module loader and ftrace, as far as they can be read off
 * the file: those that the kernel enforces, and those that it breaks on in silence. The order is that of the file.
 *
 * @param kernel what is known of the kernel that it is for; with nothing known, what the file alone tells is checked
 */
export function checkRules(livepatch: Livepatch, kernel: KernelFacts = {}): Finding[] {
  return [
    ...moduleRules(livepatch, kernel).map((finding) => withEvidence('module', finding)),
    ...structureRules(livepatch, kernel).map((finding) => withEvidence('structures', finding)),
    ...relocationRules(livepatch, kernel).map((finding) => withEvidence('relocations', finding)),
  ];
}
