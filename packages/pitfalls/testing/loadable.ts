import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { convertKlp, type Placeholder } from '@klpkit/livepatch';
import { kernelFacts } from '../../author/src/finish/facts.ts';
import { fill, loadRecipe } from '../../author/src/finish/recipe.ts';
import { compileEnvironment, type Kernel, moduleSymvers } from '../../kernel/src/index.ts';
import { inCases } from './case.ts';
import { withText } from './livepatch.ts';

const run = promisify(execFile);

/** A case of a pitfall, made loadable. */
export interface Wanted {
  /** `KLP201-not-marked` */
  readonly folder: string;
  readonly source: string;
  /** A flag of strip: `--strip-unneeded`. */
  readonly strip?: string;
  readonly placeholders?: readonly Placeholder[];
  /** Texts to replace by others of the same length. */
  readonly texts?: readonly (readonly [string, string])[];
}

/** The name that the module gets in the kernel: 00 stands for its number. */
const pattern = 'klpcase_00';

/**
 * Makes modules that a kernel loads out of the very cases that the rules are tested with: what modpost would add (the module itself
 * and the checksums of what it imports) is compiled once and linked to each. They have names of their own, so that many can be loaded.
 */
export async function makeLoadable(
  kernel: Kernel,
  wanted: readonly Wanted[],
): Promise<{ name: string; ko: Uint8Array }[]> {
  const room = join(import.meta.dirname, '..');
  return inCases(join(room, 'KLP201-not-marked'), async (scratch) => {
    const vermagic = (await kernelFacts(kernel, [])).facts.vermagic ?? '';
    await writeTails(kernel, scratch);
    const made: { name: string; ko: Uint8Array }[] = [];
    for (const [number, { folder, source, strip, placeholders = [], texts = [] }] of wanted.entries()) {
      const cwd = join(scratch, `${number}`);
      await mkdir(cwd);
      const at = join(room, folder, 'cases', source);
      const flags = [`@${join(scratch, 'livepatch.flags')}`, `-I${scratch}`, `-DKLP_VERMAGIC="${vermagic}"`];
      await run('gcc-12', [...flags, '-c', at, '-o', 'case.o'], { cwd });
      const hasExit = (await run('nm', ['case.o'], { cwd })).stdout.includes('cleanup_module');
      const tail = join(scratch, hasExit ? 'exit.mod.o' : 'plain.mod.o');
      await run('ld', ['-r', '-m', 'elf_x86_64', '-o', 'case.ko', 'case.o', tail], { cwd });
      if (strip !== undefined) await run('strip', [strip, 'case.ko'], { cwd });
      const name = pattern.replace('00', `${number}`.padStart(2, '0'));
      let ko: Uint8Array = new Uint8Array(await readFile(join(cwd, 'case.ko')));
      if (placeholders.length > 0) ko = convertKlp(ko, placeholders);
      for (const [from, to] of [[pattern, name] as const, ...texts]) ko = withText(ko, from, to);
      made.push({ name, ko });
    }
    return made;
  });
}

/** Compiles what modpost writes, for modules with and without an exit. */
async function writeTails(kernel: Kernel, folder: string): Promise<void> {
  const [recipe, env, exports] = await Promise.all([
    loadRecipe(kernel),
    compileEnvironment(kernel),
    moduleSymvers(kernel),
  ]);
  const imported =
    /^(module_layout|__fentry__|_printk|klp_\w+|jiffies|__kmalloc|msleep|(un)?register_kprobe|dma_buf_get|kthread_should_stop|schedule_timeout_interruptible|cdrom_check_events)$/;
  const versions = [...exports]
    .filter(([name]) => imported.test(name))
    .map(([name, { crc }]) => `{ 0x${(crc ?? 0).toString(16)}, "${name}" },`)
    .join('\n');
  for (const [name, exit] of [
    ['exit', '.exit = cleanup_module,'],
    ['plain', ''],
  ]) {
    await writeFile(
      join(folder, `${name}.mod.c`),
      `#include <linux/module.h>
__visible struct module __this_module __section(".gnu.linkonce.this_module") = {
	.name = "${pattern}", .init = init_module, ${exit} .arch = MODULE_ARCH_INIT,
};
static const struct modversion_info versions[] __used __section("__versions") = {
${versions}
};
`,
    );
    const [program, ...argv] = fill(recipe.compileMod, { folder, name: name as string });
    await run(program as string, argv, { cwd: kernel.buildDir, env });
  }
}
