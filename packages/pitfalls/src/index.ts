/** The pitfalls of livepatching as running rules. One folder for each, beside this one. */
export { pitfallOf, pitfalls } from './all.ts';
export {
  type Edit,
  type KernelEvidence,
  type LivepatchEvidence,
  placementKey,
  type Replacement,
  replacements,
  type UnitEvidence,
} from './evidence.ts';
export {
  assessUnit,
  checkLivepatch,
  type Judgement,
  type Unchecked,
  withStepEvidence,
  worstFirst,
} from './judge.ts';
export type { LivepatchNeed, Observation, Pitfall, Review, Rule, Step, UnitNeed } from './pitfall.ts';
export { type KnownKernel, objectsOf, readEvidence } from './read.ts';
export { shadowUses } from './shadow.ts';
export { type CheckedUpgrade, type Downgrade, judgeUpgrade } from './upgrade.ts';
