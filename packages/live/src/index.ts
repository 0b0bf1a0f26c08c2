/** Livepatches on a running machine: what its kernel shows of them, and loading, disabling and unloading them. */
export {
  type Changed,
  type ChangeOptions,
  disableLivepatch,
  LoadFailed,
  type LoadRequest,
  loadLivepatch,
  loadObstacles,
  moduleNameOf,
  unloadLivepatch,
} from './change.ts';
export { type Machine, thisMachine } from './machine.ts';
export {
  type LiveFunction,
  type LiveLivepatch,
  type LiveObject,
  type LiveStatus,
  type LiveTransition,
  readStatus,
} from './status.ts';
export type { Taint } from './taint.ts';
export { type BlockingTasks, type Task, taskWords } from './tasks.ts';
