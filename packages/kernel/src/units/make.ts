import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailed, run, withLock } from '@klpkit/host';
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

/**
 * What make would do for the goals in a folder, as text; goals that cannot be made leave no trace in it. From the top of
 * the tree (`.`) the folders on the way add their flags.
 */
export async function dryRun(
  kernel: Kernel,
  folder: string,
  goals: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  // One job: with more, long lines of several jobs run into each other.
  const argv = kbuildArgv(
    kernel.sourceDir,
    folder,
    '-n',
    '-k',
    '-j1',
    ...(folder === '.' ? [] : ['subdir-ym=']),
    ...goals,
  );
  const env = await compileEnvironment(kernel);
  const { stdout } = await run(argv, { cwd: kernel.buildDir, env, check: false, signal });
  return stdout;
}

/** Makes generated files (relative to the build folder) for real. Throws {@link CommandFailed} if one is still missing. */
export async function makeGenerated(
  kernel: Kernel,
  goals: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  // Keep going: a folder that is entered on two ways knows the goal on one of them only.
  const argv = kbuildArgv(kernel.sourceDir, '.', '-k', ...goals);
  const env = await compileEnvironment(kernel);
  await withLock(
    join(kernel.dir, 'generated.lock'),
    async () => {
      const result = await run(argv, { cwd: kernel.buildDir, env, check: false, timeoutMs: 300_000, signal });
      const missing = goals.filter((goal) => !existsSync(join(kernel.buildDir, goal)));
      if (missing.length > 0) throw new CommandFailed(argv, `did not make ${missing.join(', ')}`, result);
    },
    { signal },
  );
}
