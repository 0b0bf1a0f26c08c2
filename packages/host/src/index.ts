/** The machine under klpkit: programs, files, locks, interruption. Imports no other package of klpkit. */
export {
  cacheRoot,
  contentKey,
  freeBytes,
  makeFolderAtomic,
  sha256File,
  sha256Hex,
  temporaryName,
  writeFileAtomic,
} from './files.ts';
export { atInterrupt, firstInterrupt, isFirstInterrupt, removeAtInterrupt } from './interrupt.ts';
export { type LockOptions, withLock } from './lock.ts';
export { aptInstall, debianPackageOf } from './packages.ts';
export { mapParallel } from './parallel.ts';
export {
  CommandFailed,
  CommandNotFound,
  MachineLacks,
  type PipeOptions,
  type RunOptions,
  type RunResult,
  run,
  runPipe,
} from './run.ts';
export { inTemporaryFolder } from './temporary.ts';
