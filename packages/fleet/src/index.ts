/** Many kernels, many fixes: every fix on every kernel taken to an end, on this machine or by workers behind a queue. */
export { type CellRow, MatrixState } from './database.ts';
export { LocalEngine, localWidth } from './engine/local.ts';
export type { Engine } from './engine/types.ts';
export { type ChangeSet, changeSet, type NormalFunction } from './group.ts';
export { runJob } from './job/run.ts';
export { canonical, jobKey } from './keys.ts';
export { type OpenedMatrix, openMatrix } from './open.ts';
export { type QueueAddress, queueAddress, queueWords } from './queue/address.ts';
export { QueueEngine } from './queue/engine.ts';
export { runWorker, type WorkerOptions } from './queue/worker.ts';
export { readMatrix } from './read.ts';
export * from './report/index.ts';
export { allFixes, type MatrixResult, type MatrixRun, type OpenedKernel, runMatrix } from './run.ts';
export * from './sign/index.ts';
export { needsHuman } from './states.ts';
export { FolderStore, openStore, type Store, StoreError } from './store.ts';
export type * from './types.ts';
export { cellStates } from './types.ts';
