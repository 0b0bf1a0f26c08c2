import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, withLock } from '@klpkit/host';
import { kbuildArgv } from '../build-folder.ts';
import type { Kernel } from '../types.ts';

const environments = new Map<string, Promise<Readonly<Record<string, string>>>>();

/**
 * The environment that the kernel's top makefile gives to everything it starts, for gcc, make and Kbuild's programs in
 * `buildDir`. Complete: nothing of ours is to be added.
 */
export function compileEnvironment(kernel: Kernel): Promise<Readonly<Record<string, string>>> {
  let environment = environments.get(kernel.dir);
  if (!environment) {
    environment = readFile(join(kernel.dir, 'environment.json'), 'utf8').then(
      (text) => JSON.parse(text) as Record<string, string>,
    );
    environment.catch(() => environments.delete(kernel.dir));
    environments.set(kernel.dir, environment);
  }
  return environment;
}

/** What make would do for the goals, from the top of the tree, as text; goals that cannot be made leave no trace in it. */
export async function dryRun(
  kernel: Kernel,
  goals: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  // One job: with more, long lines of several jobs run into each other.
  const argv = kbuildArgv(kernel.sourceDir, '.', '-n', '-k', '-j1', ...goals);
  const env = await compileEnvironment(kernel);
  const { stdout } = await run(argv, { cwd: kernel.buildDir, env, check: false, signal });
  return stdout;
}

/** Makes generated files for real, in the build folder. */
export async function makeGenerated(
  kernel: Kernel,
  goals: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const argv = kbuildArgv(kernel.sourceDir, '.', ...goals);
  const env = await compileEnvironment(kernel);
  await withLock(
    join(kernel.dir, 'generated.lock'),
    () => run(argv, { cwd: kernel.buildDir, env, timeoutMs: 300_000, signal }),
    { signal },
  );
}
