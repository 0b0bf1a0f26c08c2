import { MissingTool, Refusal } from '@klpkit/findings';
import { aptInstall, CommandNotFound, debianPackageOf, run } from '@klpkit/host';
import type { Kernel } from '@klpkit/kernel';

/**
 * Makes sure that the compiler on this machine is the very one that built the kernel.
 *
 * @throws {MissingTool} when it is not installed
 * @throws {Refusal} when it is another version (KLP141)
 */
export async function assertCompiler(
  kernel: Pick<Kernel, 'id' | 'compiler' | 'compilerVersion'>,
): Promise<void> {
  const name = debianPackageOf(kernel.compiler);
  let found: string;
  try {
    const { stdout } = await run([kernel.compiler, '--version']);
    found = stdout.split('\n', 1)[0] as string;
  } catch (error) {
    if (error instanceof CommandNotFound)
      throw new MissingTool(
        `${kernel.compiler}, the compiler of ${kernel.id}, is not installed`,
        aptInstall([name]),
      );
    throw error;
  }
  if (withoutName(found) === withoutName(kernel.compilerVersion)) return;
  const version = /\(Debian ([^)]+)\)/.exec(kernel.compilerVersion)?.[1];
  throw new Refusal([
    {
      id: 'KLP141',
      severity: 'error',
      what: `the compiler here is ${found}, ${kernel.id} was built by ${kernel.compilerVersion}`,
      why: 'another compiler makes other code of the same source, and a difference between the two would not be that of the fix',
      next: aptInstall([`${name}${version ? `=${version}` : ''}`]),
    },
  ]);
}

/** `x86_64-linux-gnu-gcc-12 (Debian …) 12.2.0` begins with the name that it was called by, which says nothing. */
function withoutName(version: string): string {
  return version.slice(version.indexOf(' ') + 1);
}
