/** The proof: a livepatch loaded, watched, checked and reverted on the kernel that it is for. */
export { parseExpectation } from './expectation.ts';
export { type FormatOptions, formatProof } from './format.ts';
export { errnoName } from './log/errno.ts';
export { type ExplainedFault, explainErrno, explainLine } from './log/faults.ts';
export type { KernelMessage } from './log/kmsg.ts';
export type { ProofFinding } from './log/scan.ts';
export { type ProveOptions, proveLivepatch } from './prove.ts';
export { formatScenario } from './scenario/format.ts';
export { type Node as YamlNode, Nodes as YamlNodes, wordsOf as yamlWordsOf } from './scenario/nodes.ts';
export { type ReadScenarioOptions, readScenario } from './scenario/read.ts';
export { findScenario, readyScenarios } from './scenario/ready.ts';
export type { ScenarioResult, ScenarioStepResult, Stall } from './scenario/result.ts';
export {
  type GivenModule,
  type RunScenarioOptions,
  runScenario,
  runScenarios,
  type ScenarioRequest,
} from './scenario/run.ts';
export { scenarioSchema } from './scenario/schema.ts';
export type * from './scenario/types.ts';
export { formatSelftests } from './selftest/format.ts';
export {
  runSelftests,
  type SelftestCase,
  type SelftestOptions,
  type SelftestResult,
  type SelftestScript,
} from './selftest/selftest.ts';
export { formatTimeline } from './timeline/format.ts';
export { timelineSvg } from './timeline/svg.ts';
export type { Timeline, TimelineTask } from './timeline/timeline.ts';
export * from './types.ts';
export { type Accel, type KvmState, kvmState } from './vm/accel.ts';
export { type Death, findQemu } from './vm/vm.ts';
