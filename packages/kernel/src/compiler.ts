import { CommandNotFound, run } from '@klpkit/host';
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

/** Whether two version lines mean the same compiler: the program's own name in front, `gcc-12` or its longer forms, is no difference. */
export function sameCompiler(a: string, b: string): boolean {
  const versionOf = (line: string) => line.replace(/^\S+\s*/, '').trim();
  return versionOf(a) !== '' && versionOf(a) === versionOf(b);
}
