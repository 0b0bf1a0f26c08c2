import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeAtInterrupt } from './interrupt.ts';

/**
 * Lets `work` have a new folder, which is removed when it ends, fails or is interrupted.
 *
 * @param prefix first part of the folder's name; the rest makes it unique
 * @param base the folder that it is made in; the system's temporary one by default
 */
export async function inTemporaryFolder<T>(
  prefix: string,
  work: (folder: string) => Promise<T>,
  base: string = tmpdir(),
): Promise<T> {
  const folder = await mkdtemp(join(base, prefix));
  const forget = removeAtInterrupt(folder);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
    forget();
  }
}
