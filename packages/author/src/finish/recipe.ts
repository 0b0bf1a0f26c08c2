import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contentKey, inTemporaryFolder, run, writeFileAtomic } from '@klpkit/host';
import { compileEnvironment, type Kernel, splitCommands } from '@klpkit/kernel';

/**
 * How this kernel's own makefiles make a module of several objects, as argument vectors that are run in the kernel's build
 * folder. `@FOLDER@` stands for the folder that everything is made in, `@NAME@` for the module's name, `@UNIT@` for an
 * object's name without suffix; {@link fill} puts them in.
 */
export interface Recipe {
  /** Compiles `@FOLDER@/@UNIT@.c`. */
  readonly compile: readonly string[];
  /** Links the objects into `@FOLDER@/@NAME@.o`; their names are to be appended. */
  readonly link: readonly string[];
  /** Works on one object, which is to be appended; `undefined` for a kernel without objtool. */
  readonly objtool: readonly string[] | undefined;
  /** `linked`: on the linked module, as kernels with IBT do. `objects`: on each object before the link. */
  readonly objtoolOn: 'linked' | 'objects';
  /** Reads the list of modules in `modules.order`, one `.o` a line, and writes `@NAME@.mod.c`. */
  readonly modpost: readonly string[];
  /** Compiles `@NAME@.mod.c`. */
  readonly compileMod: readonly string[];
  /** Compiles the part that all modules of 6.12 and later have; absent elsewhere. */
  readonly compileCommon: readonly string[] | undefined;
  /** Links `@NAME@.o`, `@NAME@.mod.o` and the common part into `@NAME@.ko`; their names are to be appended. */
  readonly linkFinal: readonly string[];
}

/** Layout of the cached file; raise it when {@link Recipe} changes. */
const layout = 3;

/** The recipe of a kernel: from its cache, or by a dry run of its makefiles (about a fifth of a second). */
export async function loadRecipe(kernel: Kernel, signal?: AbortSignal): Promise<Recipe> {
  const environment = await compileEnvironment(kernel);
  const key = contentKey(
    JSON.stringify([layout, environment, kernel.sourceDir, kernel.buildDir, kernel.objtool, kernel.modpost]),
  );
  const path = join(kernel.dir, 'finish', 'recipe.json');
  const cached = await readFile(path, 'utf8').catch(() => undefined);
  if (cached !== undefined) {
    const stored = JSON.parse(cached) as { key: string; recipe: Recipe };
    if (stored.key === key) return stored.recipe;
  }
  const recipe = await dryRun(kernel, environment, signal);
  await writeFileAtomic(path, `${JSON.stringify({ key, recipe }, undefined, 2)}\n`);
  return recipe;
}

const name = 'klpkit_recipe_name';
const unit = 'klpkit_recipe_unit';

async function dryRun(
  kernel: Kernel,
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<Recipe> {
  return inTemporaryFolder('klpkit-recipe-', async (folder) => {
    await writeFile(join(folder, 'Makefile'), `obj-m := ${name}.o\n${name}-y := ${unit}.o ${unit}2.o\n`);
    await writeFile(join(folder, `${unit}.c`), '');
    await writeFile(join(folder, `${unit}2.c`), '');
    const make = async (makefile: string, ...variables: string[]) => {
      const argv = ['make', '-rR', '--no-print-directory', '-n', '-k', '-f'];
      argv.push(join(kernel.sourceDir, 'scripts', makefile), ...variables);
      // As the top makefile sets them for a folder outside the tree; without BTF, which would need a vmlinux to match.
      argv.push(`KBUILD_EXTMOD=${folder}`, `extmod_prefix=${folder}/`, `MODORDER=${folder}/modules.order`);
      argv.push('VPATH=', 'KBUILD_BUILTIN=', 'KBUILD_MODPOST_WARN=1', 'CONFIG_DEBUG_INFO_BTF_MODULES=');
      const options = { cwd: kernel.buildDir, env: environment, signal, check: false, timeoutMs: 60_000 };
      const result = await run(argv, options);
      return { commands: splitCommands(result.stdout), stderr: result.stderr };
    };
    const build = await make('Makefile.build', `obj=${folder}`, 'need-modorder=1');
    // The second stage is planned only for what the first one made.
    await writeFile(join(folder, 'modules.order'), `${orderLine(folder, build)}\n`);
    await writeFile(join(folder, `${name}.o`), '');
    await writeFile(join(folder, `${name}.mod.c`), '');
    const post = await make('Makefile.modpost');
    const final = await make('Makefile.modfinal');
    return readRecipe(kernel, folder, build, post, final);
  });
}

interface DryRun {
  readonly commands: readonly (readonly string[])[];
  readonly stderr: string;
}

/** What the first stage writes into `modules.order`: the name of the `.o`, in older kernels that of the `.ko`. */
function orderLine(folder: string, build: DryRun): string {
  const lines = [`${folder}/${name}.o`, `${folder}/${name}.ko`];
  for (const argv of build.commands) {
    const at = argv.indexOf('echo');
    if (at >= 0 && lines.includes(argv[at + 1])) return argv[at + 1];
  }
  return lines[0];
}

function readRecipe(kernel: Kernel, folder: string, build: DryRun, post: DryRun, final: DryRun): Recipe {
  const problems: string[] = [];
  const find = (
    from: DryRun,
    what: string,
    isIt: (argv: readonly string[]) => boolean,
  ): readonly string[] => {
    const found = from.commands.find(isIt);
    if (!found)
      problems.push(`${what}: ${from.stderr.trim().split('\n').slice(-3).join(' | ') || 'not printed'}`);
    return found ?? [];
  };
  const makes = (output: string) => (argv: readonly string[]) => {
    const at = argv.indexOf('-o');
    return at > 0 && argv[at + 1] === join(folder, output) && argv[0] !== 'printf' && argv[0] !== 'echo';
  };
  const compile = find(build, 'compile a source', makes(`${unit}.o`));
  const link = find(build, 'link the objects', makes(`${name}.o`));
  const objtools = build.commands.filter((argv) => /(^|\/)objtool$/.test(argv[0]));
  const onLinked = objtools.find((argv) => argv.at(-1) === join(folder, `${name}.o`));
  const onObject = objtools.find((argv) => argv.at(-1) === join(folder, `${unit}.o`));
  const objtool = onLinked ?? onObject;
  const modpost = find(post, 'run modpost', (argv) => /(^|\/)modpost$/.test(argv[0]));
  const compileMod = find(final, 'compile the .mod.c', makes(`${name}.mod.o`));
  const compileCommon = final.commands.find(makes('.module-common.o'));
  const linkFinal = find(final, 'link the module', makes(`${name}.ko`));
  if (problems.length > 0)
    throw new Error(`the makefiles of ${kernel.id} do not say how to make a module: ${problems.join('; ')}`);
  const parametric = (argv: readonly string[]) =>
    argv.map((word) =>
      word.replaceAll(folder, '@FOLDER@').replaceAll(name, '@NAME@').replaceAll(unit, '@UNIT@'),
    );
  const compiler = (argv: readonly string[]) => parametric(argv.map(compilerWord).filter(isNeeded));
  const withoutInputs = (argv: readonly string[]) =>
    parametric(
      argv.filter(
        (word) =>
          !(word.startsWith(folder) && word.endsWith('.o') && argv[argv.indexOf(word) - 1] !== '-o') &&
          !word.startsWith('@'),
      ),
    );
  return {
    compile: compiler(compile),
    link: withoutInputs(link),
    objtool: objtool && [kernel.objtool, ...parametric(objtool.slice(1, -1))],
    objtoolOn: onLinked ? 'linked' : 'objects',
    modpost: [kernel.modpost, ...parametric(modpost.slice(1).map(modpostWord))],
    compileMod: compiler(compileMod),
    compileCommon: compileCommon && compiler(compileCommon),
    linkFinal: withoutInputs(linkFinal),
  };
}

/** Debug information would be most of the module and nobody reads it; leaving it out changes no instruction. */
function compilerWord(word: string): string {
  return word === '-g' ? '-g0' : word;
}

/** Older kernels turn `.ko` to `.o` on the way to modpost, and it reads its standard input. */
function modpostWord(word: string, at: number, argv: readonly string[]): string {
  return word === '-' && argv[at - 1] === '-T' ? '@FOLDER@/modules.order' : word;
}

function isNeeded(word: string): boolean {
  return !word.startsWith('-Wp,-M') && !/^-gdwarf|^-gz|^-gsplit/.test(word);
}

/** The argument vector of one command with the recipe's parameters put in. */
export function fill(
  argv: readonly string[],
  values: { readonly folder: string; readonly name: string; readonly unit?: string },
): string[] {
  return argv.map((word) =>
    word
      .replaceAll('@FOLDER@', values.folder)
      .replaceAll('@NAME@', values.name)
      .replaceAll('@UNIT@', values.unit ?? ''),
  );
}
