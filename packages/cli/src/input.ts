import { readFile, stat } from 'node:fs/promises';
import { UsageError } from '@klpkit/findings';
import type { Kernel } from '@klpkit/kernel';

/** Largest file that is read whole: a kernel image with debug information is below. */
const mostBytes = 2 ** 30;

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'this is a folder',
  EACCES: 'this file may not be read',
};

/** A file that the user named. @throws {UsageError} that says why it cannot be read */
export async function readUserFile(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > mostBytes)
      throw new UsageError(`${path}: ${size} bytes are more than klpkit reads of one file`);
    const { buffer, byteOffset, length } = await readFile(path);
    // No Buffer: its views are of a class of their own, and slow to make.
    return new Uint8Array(buffer, byteOffset, length);
  } catch (error) {
    const reason = reasons[String((error as NodeJS.ErrnoException).code)];
    if (reason) throw new UsageError(`${path}: ${reason}`);
    throw error;
  }
}

/** The fixes that the user named, in that order. @throws {UsageError} for one that cannot be read */
export function readPatches(paths: readonly string[]): Promise<{ name: string; text: string }[]> {
  return Promise.all(
    paths.map(async (name) => ({ name, text: new TextDecoder().decode(await readUserFile(name)) })),
  );
}

/** Whether there is a file of that name. */
export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

/** Whether there is a folder of that name. */
export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/**
 * The kernel that is meant: by name, or the only one in the cache.
 *
 * @throws {UsageError} that says which there are
 */
export async function chooseKernel(name: string | undefined): Promise<Kernel> {
  const { listKernels, openKernel } = await import('@klpkit/kernel');
  if (name !== undefined) return openKernel(name);
  const kernels = await listKernels();
  const [only] = kernels;
  if (only && kernels.length === 1) return openKernel(only.id);
  if (only)
    throw new UsageError(
      `which kernel? There are ${kernels.map(({ id }) => id).join(', ')}`,
      `name one with --kernel ${kernels.at(-1)?.id}`,
    );
  throw new UsageError('there is no kernel to work on yet', 'klpkit kernel add debian:6.12');
}

/** The kernel that is named; else the one of the cache whose release is in the module's version magic. */
export async function kernelFor(named: string | undefined, bytes: Uint8Array): Promise<Kernel | undefined> {
  const { listKernels, openKernel } = await import('@klpkit/kernel');
  if (named !== undefined) return openKernel(named);
  const { FormatError, readElf, readModuleBytes, readModuleInfo } = await import('@klpkit/formats');
  try {
    const release = readModuleInfo(readElf(await readModuleBytes(bytes)))
      .get('vermagic')
      ?.split(' ')[0];
    const found = (await listKernels()).find((kernel) => kernel.release === release);
    return found && openKernel(found.id);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
