import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Finding, Refusal } from '@klpkit/findings';
import { findSection, readElf } from '@klpkit/formats';
import { contentKey, inTemporaryFolder, type RunResult, run, writeFileAtomic } from '@klpkit/host';
import { compileEnvironment, type Kernel, moduleSymvers } from '@klpkit/kernel';
import { convertKlp, glueSource, type LivepatchPlan, type Placeholder } from '@klpkit/livepatch';
import { type FactsOfKernel, kernelFacts } from './facts.ts';
import { modpostFindings, objtoolFindings } from './messages.ts';
import { fill, loadRecipe, type Recipe } from './recipe.ts';
import { checkUndefined, undefinedSymbols } from './undefined.ts';
import { verifyModule } from './verify.ts';

/** What {@link finishModule} makes a module of. */
export interface FinishRequest {
  readonly plan: LivepatchPlan;
  /** Relocatable objects before objtool, in the order in which they are linked. */
  readonly objects: readonly Uint8Array[];
  readonly placeholders: readonly Placeholder[];
  /** True when the objects register the livepatch themselves: no glue is made, and the plan is what their tables are held against. */
  readonly hasTables?: boolean | undefined;
  /** What is known of the kernel; absent: gathered, which takes a tenth of a second and more. */
  readonly facts?: FactsOfKernel | undefined;
  /** Where intermediate files go and stay; absent: a temporary folder that is removed. */
  readonly workFolder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One program that was run. */
export interface FinishCommand {
  /** `compile the glue`, `link`, `objtool`, `modpost`, … */
  readonly step: string;
  readonly argv: readonly string[];
  /** Wall time in milliseconds. */
  readonly ms: number;
}

/** A livepatch module, ready to load. */
export interface FinishedModule {
  readonly name: string;
  /** The bytes of `<name>.ko`. */
  readonly ko: Uint8Array;
  /** What was run, in order of its start. */
  readonly commands: readonly FinishCommand[];
  /** Warnings of objtool and modpost, and notes of klpkit. */
  readonly findings: readonly Finding[];
}

/**
 * Makes a loadable module of the objects of a livepatch: writes and compiles its glue, links, lets the kernel's own objtool and
 * modpost do their part with the arguments of the kernel's own makefiles, links again, and turns placeholders into KLP
 * relocations. What comes out is read back and held against the kernel's rules. The same request gives the same bytes.
 *
 * @throws {Refusal} with every reason: names, undefined symbols that are neither exports nor placeholders, what objtool or modpost
 *   call errors, what {@link convertKlp} refuses, and what the kernel would refuse in the finished file
 */
export async function finishModule(kernel: Kernel, request: FinishRequest): Promise<FinishedModule> {
  const glue = request.hasTables ? undefined : glueSource(request.plan);
  if (request.workFolder !== undefined) {
    await mkdir(request.workFolder, { recursive: true });
    return new Finisher(kernel, request, request.workFolder).finish(glue);
  }
  return inTemporaryFolder('klpkit-finish-', (folder) => new Finisher(kernel, request, folder).finish(glue));
}

class Finisher {
  readonly #kernel: Kernel;
  readonly #request: FinishRequest;
  readonly #folder: string;
  readonly #name: string;
  readonly #commands: FinishCommand[] = [];
  readonly #findings: Finding[] = [];

  constructor(kernel: Kernel, request: FinishRequest, folder: string) {
    this.#kernel = kernel;
    this.#request = request;
    this.#folder = folder;
    this.#name = request.plan.name;
  }

  async finish(glue: string | undefined): Promise<FinishedModule> {
    const { placeholders, plan, hasTables, signal } = this.#request;
    const name = this.#name;
    const recipe = await loadRecipe(this.#kernel, signal);
    // What an earlier run left behind must not pass for this one's.
    for (const end of ['o', 'mod.c', 'mod.o', 'ko']) await rm(this.#path(`${name}.${end}`), { force: true });
    const exports = moduleSymvers(this.#kernel);
    exports.catch(() => {});
    const facts = this.#facts();
    facts.catch(() => {});
    const [objects, common] = await allOf([
      this.#makeObjects(recipe, glue),
      this.#commonObject(recipe),
    ] as const);
    await this.#run('link', [...this.#fill(recipe.link), ...objects]);
    if (recipe.objtoolOn === 'linked') await this.#objtool(recipe, this.#path(`${name}.o`));
    const linked = await readFile(this.#path(`${name}.o`));
    this.#findings.push(...checkUndefined(undefinedSymbols(linked), placeholders, await exports));
    await this.#modpost(recipe, objects);
    this.#refuseErrors();
    await this.#run('compile what modpost wrote', this.#fill(recipe.compileMod));
    const parts = [this.#path(`${name}.o`), this.#path(`${name}.mod.o`), ...(common ? [common] : [])];
    await this.#run('final link', [...this.#fill(recipe.linkFinal), ...parts]);
    const symvers = await exports;
    const ko = convertKlp(await readFile(this.#path(`${name}.ko`)), placeholders, {
      isExport: (symbol) => symvers.has(symbol),
    });
    this.#findings.push(...verifyModule(ko, plan, await facts, hasTables));
    this.#refuseErrors();
    await writeFileAtomic(this.#path(`${name}.ko`), ko);
    return { name, ko, commands: this.#commands, findings: this.#findings };
  }

  async #facts(): Promise<FactsOfKernel> {
    const { facts, plan, placeholders } = this.#request;
    if (facts) return facts;
    const modules = [...plan.objects.map(({ name }) => name), ...placeholders.map(({ object }) => object)];
    return kernelFacts(this.#kernel, modules);
  }

  /** Writes the objects given and compiles the glue; their paths, the glue's first. */
  async #makeObjects(recipe: Recipe, glue: string | undefined): Promise<string[]> {
    const parts = this.#request.objects.map((_, number) => this.#path(`part${number}.o`));
    const written = this.#request.objects.map((bytes, number) => writeFile(parts[number] as string, bytes));
    await allOf([this.#compileGlue(recipe, glue), ...written]);
    const objects = glue === undefined ? parts : [this.#path('glue.o'), ...parts];
    if (recipe.objtoolOn === 'objects') for (const object of objects) await this.#objtool(recipe, object);
    return objects;
  }

  async #compileGlue(recipe: Recipe, glue: string | undefined): Promise<void> {
    if (glue === undefined) return;
    await writeFile(this.#path('glue.c'), glue);
    await this.#run('compile the glue', this.#fill(recipe.compile, 'glue'));
  }

  /** The part that is the same in all modules of a kernel; compiled once and kept. */
  async #commonObject(recipe: Recipe): Promise<string | undefined> {
    if (!recipe.compileCommon) return undefined;
    const key = contentKey(JSON.stringify(recipe.compileCommon)).slice(0, 16);
    const kept = join(this.#kernel.dir, 'finish', `module-common-${key}.o`);
    if (await readFile(kept).catch(() => undefined)) return kept;
    await this.#run('compile module-common.c', this.#fill(recipe.compileCommon));
    await writeFileAtomic(kept, await readFile(this.#path('.module-common.o')));
    return kept;
  }

  async #objtool(recipe: Recipe, object: string): Promise<void> {
    if (!recipe.objtool || (this.#request.hasTables && (await hasUnwindTables(object)))) return;
    const result = await this.#run('objtool', [...this.#fill(recipe.objtool), object], false);
    const findings = objtoolFindings(result.stderr.replaceAll(`${this.#folder}/`, ''));
    this.#findings.push(...findings);
    if (result.code !== 0 && !findings.some(({ severity }) => severity === 'error'))
      this.#failed('objtool', result);
  }

  async #modpost(recipe: Recipe, objects: readonly string[]): Promise<void> {
    const name = this.#name;
    await writeFile(this.#path(`${name}.mod`), `${objects.join('\n')}\n`);
    await writeFile(this.#path('modules.order'), `${this.#path(`${name}.o`)}\n`);
    // modpost looks into these for versions of what the objects export: nothing.
    for (const object of objects) await writeFile(this.#path(`.${basename(object)}.cmd`), '');
    const result = await this.#run('modpost', this.#fill(recipe.modpost), false);
    const known = new Set(this.#request.placeholders.map(({ symbol }) => symbol));
    // What is neither export nor placeholder has been found already, with its reason.
    const reported = new Set(this.#findings.map(({ at }) => at?.symbol));
    const findings = modpostFindings(
      result.stderr.replaceAll(`${this.#folder}/`, ''),
      (symbol) => known.has(symbol) || reported.has(symbol),
    );
    this.#findings.push(...findings);
    if (result.code !== 0 && !this.#findings.some(({ severity }) => severity === 'error'))
      this.#failed('modpost', result);
  }

  #failed(program: string, result: RunResult): void {
    const how = result.code === null ? `was ended by ${result.signal}` : `ended with code ${result.code}`;
    const last = result.stderr.trim().split('\n').at(-1);
    this.#findings.push({
      id: program,
      severity: 'error',
      what: `${program} ${how}${last ? `: ${last}` : ''}`,
    });
  }

  #refuseErrors(): void {
    const errors = this.#findings.filter(({ severity }) => severity === 'error');
    if (errors.length > 0) throw new Refusal(errors);
  }

  async #run(step: string, argv: readonly string[], check = true): Promise<RunResult> {
    const command = { step, argv, ms: 0 };
    this.#commands.push(command);
    const result = await run(argv, {
      cwd: this.#kernel.buildDir,
      env: await compileEnvironment(this.#kernel),
      signal: this.#request.signal,
      timeoutMs: 120_000,
      check,
    });
    command.ms = result.ms;
    return result;
  }

  #fill(argv: readonly string[], unit?: string): string[] {
    return fill(argv, { folder: this.#folder, name: this.#name, ...(unit === undefined ? {} : { unit }) });
  }

  #path(file: string): string {
    return join(this.#folder, file);
  }
}

/** True for an object that objtool has worked on: a module that was linked elsewhere. */
async function hasUnwindTables(object: string): Promise<boolean> {
  return findSection(readElf(await readFile(object)), '.orc_unwind_ip') !== undefined;
}

/** As Promise.all, but waits for the others before it throws: none may work on in a folder that is removed. */
async function allOf<const T extends readonly Promise<unknown>[]>(
  promises: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(promises);
  return Promise.all(promises) as Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }>;
}
