import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inTemporaryFolder, run } from '@klpkit/host';
import { compileEnvironment, type Kernel } from '@klpkit/kernel';
import { fill, loadRecipe } from '../../finish/index.ts';

/** A module as the kernel's makefiles make it, with undefined symbols let pass. */
export interface MadeModule {
  /** What the compiler wrote. */
  readonly object: Uint8Array;
  /** After objtool, modpost and the last link: `KBUILD_MODPOST_WARN=1`. */
  readonly ko: Uint8Array;
}

/** Compiles one C file as kbuild does for a module. */
export async function makeObject(kernel: Kernel, name: string, text: string): Promise<Uint8Array> {
  const { compile } = await loadRecipe(kernel);
  const env = await compileEnvironment(kernel);
  return inTemporaryFolder('klpkit-kbuild-', async (folder) => {
    await writeFile(join(folder, 'source.c'), text);
    const argv = [...fill(compile, { folder, name, unit: 'source' }), ...sections];
    await run(argv, { cwd: kernel.buildDir, env });
    return new Uint8Array(await readFile(join(folder, 'source.o')));
  });
}

const sections = ['-ffunction-sections', '-fdata-sections', '-w'];

/** Makes a module of one C file, as a livepatch author does with kbuild. */
export async function makeModule(kernel: Kernel, name: string, text: string): Promise<MadeModule> {
  const recipe = await loadRecipe(kernel);
  const env = await compileEnvironment(kernel);
  return inTemporaryFolder('klpkit-kbuild-', async (folder) => {
    const path = (file: string) => join(folder, file);
    const call = (argv: readonly string[], ...more: string[]) =>
      run([...fill(argv, { folder, name, unit: 'source' }), ...more], { cwd: kernel.buildDir, env });
    const object = await makeObject(kernel, name, text);
    await writeFile(path('source.o'), object);
    if (recipe.objtool && recipe.objtoolOn === 'objects') await call(recipe.objtool, path('source.o'));
    await call(recipe.link, path('source.o'));
    if (recipe.objtool && recipe.objtoolOn === 'linked') await call(recipe.objtool, path(`${name}.o`));
    await writeFile(path(`${name}.mod`), `${path('source.o')}\n`);
    await writeFile(path('modules.order'), `${path(`${name}.o`)}\n`);
    await writeFile(path('.source.o.cmd'), '');
    await call(recipe.modpost);
    await call(recipe.compileMod);
    if (recipe.compileCommon) await call(recipe.compileCommon);
    const common = recipe.compileCommon ? [path('.module-common.o')] : [];
    await call(recipe.linkFinal, path(`${name}.o`), path(`${name}.mod.o`), ...common);
    return { object, ko: new Uint8Array(await readFile(path(`${name}.ko`))) };
  });
}
