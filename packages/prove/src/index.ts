/** The proof: a livepatch loaded, watched, checked and reverted on the kernel that it is for. */
export { parseExpectation } from './expectation.ts';
export { type FormatOptions, formatProof } from './format.ts';
export {
  type ExplainedFault,
  errnoName,
  explainErrno,
  explainLine,
  type Fault,
  faults,
  silentFaults,
} from './log/faults.ts';
export type { KernelMessage } from './log/kmsg.ts';
export type { ProofFinding } from './log/scan.ts';
export { type ProveOptions, proveLivepatch } from './prove.ts';
export { type ReadScenarioOptions, readScenario } from './scenario/read.ts';
export { scenarioSchema } from './scenario/schema.ts';
export type * from './scenario/types.ts';
export * from './types.ts';
export { type Accel, type KvmState, kvmState } from './vm/accel.ts';
export { type Death, findQemu } from './vm/vm.ts';
