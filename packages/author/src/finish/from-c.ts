import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finding, Refusal } from '@klpkit/findings';
import { inTemporaryFolder, mapParallel, run } from '@klpkit/host';
import { compileEnvironment, type Kernel } from '@klpkit/kernel';
import type { LivepatchPlan, Placeholder } from '@klpkit/livepatch';
import type { FactsOfKernel } from './facts.ts';
import { type FinishCommand, type FinishedModule, finishModule } from './finish.ts';
import { fill, loadRecipe } from './recipe.ts';

/** A livepatch written in C. */
export interface SourceRequest {
  readonly plan: LivepatchPlan;
  /** C files of a module for this kernel. They define the plan's `newSymbol`s and declare placeholders `extern` by their symbol. */
  readonly sources: readonly { readonly name: string; readonly text: string }[];
  readonly placeholders?: readonly Placeholder[];
  readonly facts?: FactsOfKernel | undefined;
  readonly workFolder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Builds a livepatch from plain C with the flags of this kernel's modules, and finishes it. What is written in the files under the
 * names of the kernel's own functions is up to their author: klpkit compares nothing here.
 *
 * @throws {Refusal} for sources that do not compile, with the compiler's words, and as {@link finishModule} does
 */
export async function buildFromC(kernel: Kernel, request: SourceRequest): Promise<FinishedModule> {
  const { plan, placeholders = [], facts, workFolder, signal } = request;
  const build = async (folder: string): Promise<FinishedModule> => {
    const { objects, commands } = await compile(kernel, request, folder);
    const finished = await finishModule(kernel, { plan, objects, placeholders, facts, workFolder, signal });
    return { ...finished, commands: [...commands, ...finished.commands] };
  };
  if (workFolder === undefined) return inTemporaryFolder('klpkit-source-', build);
  await mkdir(workFolder, { recursive: true });
  return build(workFolder);
}

async function compile(
  kernel: Kernel,
  { plan, sources, signal }: SourceRequest,
  folder: string,
): Promise<{ objects: Uint8Array[]; commands: FinishCommand[] }> {
  const recipe = await loadRecipe(kernel, signal);
  const env = await compileEnvironment(kernel);
  const findings: Finding[] = [];
  const commands: FinishCommand[] = [];
  const objects = await mapParallel(
    sources,
    2,
    async ({ name, text }, number) => {
      const unit = `source${number}`;
      await writeFile(join(folder, `${unit}.c`), `#line 1 ${JSON.stringify(name)}\n${text}`);
      const argv = fill(recipe.compile, { folder, name: plan.name, unit });
      // Sections of their own, so that the relocations of each function can be told apart.
      argv.push('-ffunction-sections', '-fdata-sections');
      const options = { cwd: kernel.buildDir, env, signal, check: false };
      const result = await run(argv, { ...options, timeoutMs: 120_000 });
      commands.push({ step: `compile ${name}`, argv, ms: result.ms });
      if (result.code === 0) return new Uint8Array(await readFile(join(folder, `${unit}.o`)));
      const errors = result.stderr.split('\n').filter((line) => /: (fatal )?error: /.test(line));
      for (const line of errors.length > 0 ? errors : [result.stderr.trim()]) {
        const match = /^(.*?):(\d+):(?:\d+:)? (?:fatal )?error: (.*)$/.exec(line);
        findings.push({
          id: 'compile-failed',
          severity: 'error',
          what: match?.[3] ?? line,
          at: { file: match?.[1] ?? name, ...(match ? { line: Number(match[2]) } : {}) },
        });
      }
      return new Uint8Array(0);
    },
    signal,
  );
  if (findings.length > 0) throw new Refusal(findings);
  return { objects, commands };
}
