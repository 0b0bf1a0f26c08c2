import { resolve } from 'node:path';
import { UsageError } from '@klpkit/findings';
import type { Kernel } from '@klpkit/kernel';
import { isFile } from './input.ts';

/** The flag `--module`: modules that the kernel does not ship. */
export const moduleFlag = {
  kind: 'parsed',
  parse: String,
  variadic: true,
  brief: "File of a module outside the kernel's tree that the livepatch patches; may be repeated",
  placeholder: 'FILE.ko',
  optional: true,
} as const;

/** The kernel with the modules of the flag. @throws {UsageError} for a file that is not there */
export async function withFurtherModules(
  kernel: Kernel,
  files: readonly string[] | undefined,
): Promise<Kernel> {
  if (!files) return kernel;
  for (const file of files)
    if (!(await isFile(file)))
      throw new UsageError(`--module ${file}: there is no such file`, 'name the .ko of the module');
  const { withModules } = await import('@klpkit/kernel');
  return withModules(
    kernel,
    files.map((file) => resolve(file)),
  );
}
