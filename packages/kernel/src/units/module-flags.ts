import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FormatError } from '@klpkit/formats';
import { inTemporaryFolder, run } from '@klpkit/host';
import { kbuildArgv } from '../build-folder.ts';
import type { Kernel } from '../types.ts';
import { cached } from './cache.ts';
import { compilations } from './flags.ts';
import { compileEnvironment } from './make.ts';

const standIn = 'klpkit_stand_in';

/**
 * Compiler and arguments for the C files of a module that is built outside the tree (glue, `.mod.c`), to be run in
 * `buildDir`: without `-o`, `-c SOURCE`, dependency output and `-DKBUILD_BASENAME`; with `-DMODULE` and
 * `-DKBUILD_MODNAME` of the module called `name` (underscores). Kbuild is asked once per kernel, with a module of one
 * empty file.
 */
export async function moduleArgv(kernel: Kernel, name: string): Promise<string[]> {
  const argv = await cached(kernel, 'flags of a module outside the tree', () => askKbuild(kernel));
  return argv.map((word) => word.replaceAll(standIn, name));
}

async function askKbuild(kernel: Kernel): Promise<string[]> {
  return inTemporaryFolder(
    'module-',
    async (folder) => {
      await writeFile(join(folder, 'Kbuild'), `obj-m := ${standIn}.o\n`);
      await writeFile(join(folder, `${standIn}.c`), '');
      const env = { ...(await compileEnvironment(kernel)), KBUILD_EXTMOD: folder };
      const object = join(folder, `${standIn}.o`);
      const { stdout } = await run(kbuildArgv(kernel.sourceDir, folder, '-n', '-k', 'VPATH=', object), {
        cwd: kernel.buildDir,
        env,
        check: false,
      });
      const [compilation] = compilations(stdout);
      if (!compilation)
        throw new FormatError('Kbuild: expected a compilation of a module outside the tree, found none');
      return compilation.argv.filter(
        (word) => !word.includes(folder) && !/^-DKBUILD_(BASENAME|MODFILE)=/.test(word),
      );
    },
    kernel.dir,
  );
}
