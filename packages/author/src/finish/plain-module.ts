import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Finding, Refusal } from '@klpkit/findings';
import { inTemporaryFolder, run } from '@klpkit/host';
import { compileEnvironment, type Kernel } from '@klpkit/kernel';
import { modpostFindings, objtoolFindings } from './messages.ts';
import { fill, loadRecipe } from './recipe.ts';

/** A module that is no livepatch, written in C. */
export interface ModuleRequest {
  /** The module's name: letters, digits, underscores. */
  readonly name: string;
  readonly sources: readonly { readonly name: string; readonly text: string }[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Builds an ordinary module for a kernel with the commands of the kernel's own makefiles, outside of its tree. The same sources give
 * the same bytes.
 *
 * @returns the bytes of the `.ko`
 * @throws {Refusal} for what does not compile, and for what objtool and modpost call errors, in their words
 */
export async function buildModule(
  kernel: Kernel,
  { name, sources, signal }: ModuleRequest,
): Promise<Uint8Array> {
  const recipe = await loadRecipe(kernel, signal);
  const env = await compileEnvironment(kernel);
  return inTemporaryFolder('klpkit-module-', async (folder) => {
    const findings: Finding[] = [];
    const path = (file: string) => join(folder, file);
    const call = (argv: readonly string[], unit?: string) =>
      run(fill(argv, { folder, name, ...(unit === undefined ? {} : { unit }) }), {
        cwd: kernel.buildDir,
        env,
        signal,
        check: false,
        timeoutMs: 120_000,
      });
    const need = async (program: string, argv: readonly string[], unit?: string) => {
      const { code, stderr } = await call(argv, unit);
      if (code === 0) return;
      const words = stderr.replaceAll(`${folder}/`, '').trim().split('\n').slice(-4).join('; ');
      throw new Refusal([
        { id: 'module-failed', severity: 'error', what: `${name}: ${program} failed: ${words}` },
      ]);
    };
    const objects = sources.map((_, number) => path(`part${number}.o`));
    for (const [number, source] of sources.entries()) {
      await writeFile(path(`part${number}.c`), `#line 1 ${JSON.stringify(source.name)}\n${source.text}`);
      const { code, stderr } = await call(recipe.compile, `part${number}`);
      if (code !== 0) findings.push(...compilerErrors(source.name, stderr));
    }
    if (findings.length > 0) throw new Refusal(findings);
    const objtool = async (object: string) => {
      if (!recipe.objtool) return;
      const { code, stderr } = await call([...recipe.objtool, object]);
      const said = objtoolFindings(stderr.replaceAll(`${folder}/`, ''));
      if (code !== 0 || said.some(({ severity }) => severity === 'error'))
        throw new Refusal(
          said.length > 0 ? said : [{ id: 'objtool', severity: 'error', what: stderr.trim() }],
        );
    };
    if (recipe.objtoolOn === 'objects') for (const object of objects) await objtool(object);
    await need('ld', [...recipe.link, ...objects]);
    if (recipe.objtoolOn === 'linked') await objtool(path(`${name}.o`));
    await writeFile(path(`${name}.mod`), `${objects.join('\n')}\n`);
    await writeFile(path('modules.order'), `${path(`${name}.o`)}\n`);
    for (const object of objects) await writeFile(path(`.${basename(object)}.cmd`), '');
    const { code, stderr } = await call(recipe.modpost);
    // The recipe makes warnings of undefined symbols, for those of livepatches; here each is one that the module cannot be loaded with.
    const errors = modpostFindings(stderr, () => false).filter(
      ({ severity, what }) => severity === 'error' || what.includes('undefined'),
    );
    if (errors.length > 0)
      throw new Refusal(errors.map((finding) => ({ ...finding, severity: 'error' as const })));
    if (code !== 0)
      throw new Refusal([{ id: 'modpost', severity: 'error', what: `${name}: ${stderr.trim()}` }]);
    await need('the compiler', recipe.compileMod);
    const parts = [path(`${name}.o`), path(`${name}.mod.o`)];
    if (recipe.compileCommon) {
      await need('the compiler', recipe.compileCommon);
      parts.push(path('.module-common.o'));
    }
    await need('ld', [...recipe.linkFinal, ...parts]);
    return new Uint8Array(await readFile(path(`${name}.ko`)));
  });
}

function compilerErrors(file: string, stderr: string): Finding[] {
  const findings: Finding[] = [];
  for (const line of stderr.split('\n')) {
    const match = /^(.*?):(\d+):(?:\d+:)? (?:fatal )?error: (.*)$/.exec(line);
    if (match)
      findings.push({
        id: 'compile-failed',
        severity: 'error',
        what: match[3] ?? '',
        at: { file: match[1] ?? file, line: Number(match[2]) },
      });
  }
  return findings.length > 0
    ? findings
    : [
        {
          id: 'compile-failed',
          severity: 'error',
          what: stderr.trim().split('\n').at(-1) || 'the compiler failed without a message',
          at: { file },
        },
      ];
}
