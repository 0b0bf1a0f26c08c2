export type { CheckedUpgrade, Downgrade } from '@klpkit/pitfalls';
export { editsOfFix } from './edits.ts';
export { kernelEvidence } from './kernel.ts';
export { type CheckedModule, type CheckOptions, checkModule } from './module.ts';
export { unitEvidence } from './unit.ts';
export { checkUpgrade, type ModuleFile } from './upgrade.ts';
