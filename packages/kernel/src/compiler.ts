import { MissingTool } from '@klpkit/findings';
import { aptInstall, CommandNotFound, debianPackageOf, run } from '@klpkit/host';
import type { Kernel } from './types.ts';

/** First line of `COMPILER --version`, or undefined if there is no such program. */
export async function installedCompiler(kernel: Kernel): Promise<string | undefined> {
  try {
    const { stdout } = await run([kernel.compiler, '--version'], { timeoutMs: 20_000 });
    return stdout.split('\n')[0]?.trim();
  } catch (error) {
    if (error instanceof CommandNotFound) return undefined;
    throw error;
  }
}

/**
 * Makes sure that the compiler is the one that built the kernel, to the last digit of its version: another one makes
 * other code. Throws {@link MissingTool} with both versions and the command that installs the right one.
 */
export async function requireCompiler(kernel: Kernel): Promise<void> {
  const installed = await installedCompiler(kernel);
  const wanted = kernel.compilerVersion;
  if (installed !== undefined && sameCompiler(installed, wanted)) return;
  const name = debianPackageOf(kernel.compiler);
  const version = /\(Debian ([^)]+)\)/.exec(wanted)?.[1];
  throw new MissingTool(
    installed === undefined
      ? `${kernel.id} was built with ${wanted}, and this machine has no ${kernel.compiler}`
      : `${kernel.id} was built with ${wanted}, and ${kernel.compiler} here is ${installed}`,
    aptInstall([installed !== undefined && version ? `${name}=${version}` : name]),
  );
}

/** Whether two version lines mean the same compiler: the program's own name in front, `gcc-12` or its longer forms, is no difference. */
export function sameCompiler(a: string, b: string): boolean {
  const versionOf = (line: string) => line.replace(/^\S+\s*/, '').trim();
  return versionOf(a) !== '' && versionOf(a) === versionOf(b);
}
