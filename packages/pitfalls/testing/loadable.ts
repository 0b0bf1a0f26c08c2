import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findSection, readElf, sectionBytes } from '@klpkit/formats';
import { convertKlp, type Placeholder } from '@klpkit/livepatch';
import { kernelFacts } from '../../author/src/finish/facts.ts';
import { fill, loadRecipe, type Recipe } from '../../author/src/finish/recipe.ts';
import { compileEnvironment, type Kernel, moduleSymvers } from '../../kernel/src/index.ts';
import { inCases } from './case.ts';
import { withText } from './livepatch.ts';

const run = promisify(execFile);

/** A case of a pitfall, made loadable. */
export interface Wanted {
  /** `KLP201-not-marked` */
  readonly folder: string;
  readonly source: string;
  /** More flags for the compiler. */
  readonly flags?: readonly string[];
  /** The kernel's objtool works on it, so that stacks with its functions are reliable. */
  readonly objtool?: boolean;
  /** An import whose checksum is to be wrong. */
  readonly wrongVersion?: string;
  /** A flag of strip: `--strip-unneeded`. */
  readonly strip?: string;
  readonly placeholders?: readonly Placeholder[];
  /** Texts to replace by others of the same length. */
  readonly texts?: readonly (readonly [string, string])[];
}

/** The name that the module gets in the kernel: 00 stands for its number. */
const pattern = 'klpcase_00';

/** A module that livepatches of the cases patch. */
export interface Target {
  /** As long as `klpcase_00`. */
  readonly name: string;
  /** Path of a C file that is compiled as modules of the kernel are. */
  readonly main: string;
  /** Cases that are linked to it, compiled as those of units are. */
  readonly parts: readonly {
    readonly folder: string;
    readonly source: string;
    readonly flags?: readonly string[];
  }[];
}

const room = join(import.meta.dirname, '..');

/**
 * Makes modules that a kernel loads out of the very cases that the rules are tested with: what modpost would add (the module itself
 * and the checksums of what it imports) is compiled once and linked to each. They have names of their own, so that many can be loaded.
 * The target comes last.
 */
export async function makeLoadable(
  kernel: Kernel,
  wanted: readonly Wanted[],
  target: Target,
): Promise<{ name: string; ko: Uint8Array }[]> {
  return inCases(join(room, 'KLP201-not-marked'), async (scratch) => {
    const maker = await Maker.of(kernel, scratch);
    const objects: string[] = [];
    for (const [number, one] of wanted.entries()) objects.push(await maker.compile(one, `${number}`));
    objects.push(await maker.compileTarget(target));
    await maker.writeTails(objects);
    const made: { name: string; ko: Uint8Array }[] = [];
    for (const [number, one] of wanted.entries()) {
      const name = pattern.replace('00', `${number}`.padStart(2, '0'));
      made.push({ name, ko: await maker.finish(objects[number] as string, name, one) });
    }
    const last = await maker.finish(objects.at(-1) as string, target.name, {});
    return [...made, { name: target.name, ko: last }];
  });
}

class Maker {
  readonly #kernel: Kernel;
  readonly #scratch: string;
  readonly #recipe: Recipe;
  readonly #env: Readonly<Record<string, string>>;
  readonly #vermagic: string;

  private constructor(
    kernel: Kernel,
    scratch: string,
    recipe: Recipe,
    env: Readonly<Record<string, string>>,
    vermagic: string,
  ) {
    this.#kernel = kernel;
    this.#scratch = scratch;
    this.#recipe = recipe;
    this.#env = env;
    this.#vermagic = vermagic;
  }

  static async of(kernel: Kernel, scratch: string): Promise<Maker> {
    const [{ facts }, recipe, env] = await Promise.all([
      kernelFacts(kernel, []),
      loadRecipe(kernel),
      compileEnvironment(kernel),
    ]);
    return new Maker(kernel, scratch, recipe, env, facts.vermagic ?? '');
  }

  /** The object of a case; its path. */
  async compile({ folder, source, flags = [], objtool = false }: Wanted, name: string): Promise<string> {
    const cwd = join(this.#scratch, name);
    await mkdir(cwd);
    const magic = `-DKLP_VERMAGIC="${this.#vermagic}"`;
    const argv = [`@${join(this.#scratch, 'livepatch.flags')}`, `-I${this.#scratch}`, magic, ...flags];
    await run('gcc-12', [...argv, '-c', join(room, folder, 'cases', source), '-o', 'case.o'], { cwd });
    if (objtool) await this.#objtool(join(cwd, 'case.o'), name);
    return join(cwd, 'case.o');
  }

  async compileTarget({ name, main, parts }: Target): Promise<string> {
    const folder = join(this.#scratch, 'target');
    await mkdir(folder);
    await writeFile(join(folder, 'main.c'), await readFile(main));
    await this.#kernelRun(fill(this.#recipe.compile, { folder, name, unit: 'main' }));
    const objects = ['main.o'];
    for (const [number, { folder: of, source, flags = [] }] of parts.entries()) {
      const argv = [`@${join(this.#scratch, 'gcc-12.flags')}`, `-I${this.#scratch}`, ...flags];
      const object = `part${number}.o`;
      await run('gcc-12', [...argv, '-c', join(room, of, 'cases', source), '-o', object], { cwd: folder });
      objects.push(object);
    }
    await run('ld', ['-r', '-m', 'elf_x86_64', '-o', 'case.o', ...objects], { cwd: folder });
    await this.#objtool(join(folder, 'case.o'), name);
    return join(folder, 'case.o');
  }

  /** Compiles what modpost writes, for modules with and without an exit: with the checksums of what any of the objects needs. */
  async writeTails(objects: readonly string[]): Promise<void> {
    const { stdout } = await run('nm', ['-u', ...objects]);
    const needed = new Set(['module_layout', ...stdout.split(/\s+/)]);
    const versions = [...(await moduleSymvers(this.#kernel))]
      .filter(([name]) => needed.has(name))
      .map(([name, { crc }]) => `{ 0x${(crc ?? 0).toString(16)}, "${name}" },`)
      .join('\n');
    for (const [name, exit] of [
      ['exit', '.exit = cleanup_module,'],
      ['plain', ''],
    ] as const) {
      await writeFile(
        join(this.#scratch, `${name}.mod.c`),
        `#include <linux/module.h>
__visible struct module __this_module __section(".gnu.linkonce.this_module") = {
	.name = "${pattern}", .init = init_module, ${exit} .arch = MODULE_ARCH_INIT,
};
static const struct modversion_info versions[] __used __section("__versions") = {
${versions}
};
`,
      );
      await this.#kernelRun(fill(this.#recipe.compileMod, { folder: this.#scratch, name }));
    }
  }

  /** Links the tail to an object and gives the module its name. */
  async finish(
    object: string,
    name: string,
    { strip, placeholders = [], texts = [], wrongVersion }: Partial<Wanted>,
  ): Promise<Uint8Array> {
    const cwd = dirname(object);
    const hasExit = (await run('nm', [object])).stdout.includes('cleanup_module');
    const tail = join(this.#scratch, hasExit ? 'exit.mod.o' : 'plain.mod.o');
    await run('ld', ['-r', '-m', 'elf_x86_64', '-o', 'case.ko', object, tail], { cwd });
    if (strip !== undefined) await run('strip', [strip, 'case.ko'], { cwd });
    let ko: Uint8Array = new Uint8Array(await readFile(join(cwd, 'case.ko')));
    if (placeholders.length > 0) ko = convertKlp(ko, placeholders);
    for (const [from, to] of [[pattern, name] as const, ...texts]) ko = withText(ko, from, to);
    return wrongVersion === undefined ? ko : withWrongVersion(ko, wrongVersion);
  }

  async #objtool(object: string, name: string): Promise<void> {
    const folder = dirname(object);
    await this.#kernelRun([...fill(this.#recipe.objtool ?? [], { folder, name }), object]);
  }

  async #kernelRun([program, ...argv]: readonly string[]): Promise<void> {
    await run(program as string, argv, { cwd: this.#kernel.buildDir, env: this.#env });
  }
}

/** A module whose record of an import, a checksum of eight bytes and the name behind it, has another checksum. */
function withWrongVersion(ko: Uint8Array, symbol: string): Uint8Array {
  const elf = readElf(ko);
  const section = findSection(elf, '__versions');
  const bytes = section && Buffer.from(sectionBytes(elf, section));
  const at = bytes?.indexOf(`${symbol}\0`) ?? -1;
  if (!section || at < 0) throw new Error(`${symbol} has no version`);
  const changed = ko.slice();
  changed[section.offset + at - 8] = (changed[section.offset + at - 8] as number) ^ 0xff;
  return changed;
}
