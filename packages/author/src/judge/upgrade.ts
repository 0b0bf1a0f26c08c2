import type { Kernel } from '@klpkit/kernel';
import { type CheckedUpgrade, judgeUpgrade } from '@klpkit/pitfalls';
import { checkModule } from './module.ts';

/** A livepatch module as a file. */
export interface ModuleFile {
  /** Its name, for messages. */
  readonly file: string;
  /** A `.ko`, compressed or not. */
  readonly bytes: Uint8Array;
}

/**
 * Says whether a livepatch may be enabled while an older one is, what the kernel makes of it, and what of the older one is left then.
 *
 * @param kernel that both are for; without it they are read as the usual kernels have their structures
 * @throws {UsageError} for a file that is no module at all
 */
export async function checkUpgrade(
  older: ModuleFile,
  newer: ModuleFile,
  kernel?: Kernel,
): Promise<CheckedUpgrade> {
  const [before, after] = await Promise.all(
    [older, newer].map(({ file, bytes }) => checkModule(file, bytes, { kernel })),
  );
  return judgeUpgrade(before.evidence, after.evidence);
}
