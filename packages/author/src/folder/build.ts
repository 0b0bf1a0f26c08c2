import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finding, Refusal } from '@klpkit/findings';
import { inTemporaryFolder } from '@klpkit/host';
import { type Kernel, withModules } from '@klpkit/kernel';
import { type LivepatchPlan, type Manifest, manifestFile, planOfManifest } from '@klpkit/livepatch';
import { readNoreturns } from '../build/context.ts';
import type { BuildStep } from '../build/index.ts';
import { checkOverrides, isOverridable, type Overrides, withOverrides } from '../build/overrides.ts';
import { assertCompiler } from '../compile/index.ts';
import { buildModule, finishModule } from '../finish/index.ts';
import { checkModule } from '../judge/index.ts';
import type { Report } from '../report/index.ts';
import { kernelNames } from '../symbols/index.ts';
import { compileFolder } from './compile.ts';
import { readSourceFolder, type SourceFolder } from './files.ts';
import { folderReport } from './report.ts';
import { checkAgainstKernel, resolveFolder } from './resolve.ts';

/** Options of {@link buildFolder}. */
export interface FolderOptions {
  readonly overrides?: Overrides | undefined;
  /** Compilers at once; default 2. */
  readonly jobs?: number | undefined;
  /** Where intermediate files go and stay; absent: a temporary folder that is removed. */
  readonly workFolder?: string | undefined;
  readonly onStep?: ((step: BuildStep) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A livepatch that was built of a folder of C. */
export interface BuiltFolder {
  readonly plan: LivepatchPlan;
  readonly manifest: Manifest;
  /** The bytes of the `.ko`. */
  readonly module: Uint8Array;
  /** The manifest's modules, each a `.ko` that is no livepatch. */
  readonly modules: readonly { readonly name: string; readonly ko: Uint8Array }[];
  readonly report: Report;
  readonly findings: readonly Finding[];
  readonly steps: readonly BuildStep[];
}

/**
 * Builds a livepatch of a folder of C with a manifest (`klpkit.json`): compiles each file with the flags of the kernel's own unit, gives
 * private symbols names of their own, lets the kernel's tools finish the module, turns the private symbols into KLP relocations, reads
 * the result back and judges it as `klpkit check` does. The same folder and kernel give the same bytes.
 *
 * @throws {Refusal} with every reason at once: faults of the manifest, symbols that the kernel does not have, what does not compile,
 *   names that nobody defines, what cannot be a KLP relocation, errors of the rules
 * @throws {UsageError} for a folder without manifest, and for overrides that cannot be
 * @throws {MissingTool} when a program is not installed
 */
export async function buildFolder(
  kernel: Kernel,
  dir: string,
  options: FolderOptions = {},
): Promise<BuiltFolder> {
  checkOverrides(options.overrides ?? new Map());
  const folder = await readSourceFolder(dir);
  const modules = await buildModules(kernel, folder, options.signal);
  if (modules.length === 0) return { ...(await buildLivepatchOf(kernel, folder, options)), modules };
  // Their symbols are looked up like those of the kernel's own.
  return inTemporaryFolder('klpkit-modules-', async (temporary) => {
    const paths = modules.map(({ name }) => join(temporary, `${name}.ko`));
    for (const [at, { ko }] of modules.entries()) await writeFile(paths[at] as string, ko);
    return { ...(await buildLivepatchOf(withModules(kernel, paths), folder, options)), modules };
  });
}

async function buildModules(
  kernel: Kernel,
  { manifest, texts }: SourceFolder,
  signal: AbortSignal | undefined,
): Promise<BuiltFolder['modules']> {
  const built: { name: string; ko: Uint8Array }[] = [];
  for (const { name, files } of manifest.modules ?? []) {
    const sources = files.map((file) => ({ name: file, text: texts.get(file) ?? '' }));
    built.push({ name, ko: await buildModule(kernel, { name, sources, signal }) });
  }
  return built;
}

async function buildLivepatchOf(
  kernel: Kernel,
  folder: SourceFolder,
  { overrides = new Map(), jobs = 2, workFolder, onStep, signal }: FolderOptions,
): Promise<Omit<BuiltFolder, 'modules'>> {
  const steps: BuildStep[] = [];
  let since = performance.now();
  const done = (step: BuildStep['step'], what: string) => {
    const now = performance.now();
    const entry: BuildStep = { step, what, ms: now - since };
    since = now;
    steps.push(entry);
    onStep?.(entry);
  };
  const findings: Finding[] = [];
  const refuseErrors = () => {
    const judged = withOverrides(findings, overrides);
    if (judged.some(({ severity }) => severity === 'error')) throw new Refusal(judged);
  };

  await assertCompiler(kernel);
  const { manifest } = folder;
  const plan = planOfManifest(manifest);
  const count = manifest.sources.length;
  done(
    'read',
    `${count === 1 ? '1 file' : `${count} files`} for ${plan.objects.map(({ name }) => name).join(', ')}`,
  );
  findings.push(...kernelProblems(manifest, kernel));
  const objects = new Set(['vmlinux', ...plan.objects.map(({ name }) => name)]);
  for (const { object } of manifest.symbols) objects.add(object);
  const [names, compiled, noreturns] = await Promise.all([
    kernelNames(kernel, objects),
    compileFolder(kernel, folder, { jobs, signal }),
    readNoreturns(kernel.sourceDir),
  ]);
  findings.push(...checkAgainstKernel(folder, names), ...compiled.findings);
  const cpu = compiled.objects.reduce((sum, { ms }) => sum + ms, 0);
  done(
    'compile',
    `${counted(compiled.objects.length, 'object', 'objects')}, ${(cpu / 1000).toFixed(1)} s of gcc`,
  );
  const resolved = resolveFolder(folder, compiled.objects, names, noreturns);
  findings.push(...resolved.findings);
  refuseErrors();
  const symbols = new Set(resolved.placeholders.map((one) => `${one.object} ${one.name} ${one.sympos}`));
  done(
    'extract',
    [
      counted(resolved.functions.size, 'function to replace', 'functions to replace'),
      counted(symbols.size, 'symbol by KLP relocation', 'symbols by KLP relocation'),
      counted(resolved.exports.length, 'export', 'exports'),
    ].join(', '),
  );

  const finished = await finishModule(kernel, {
    plan,
    objects: resolved.objects,
    placeholders: resolved.placeholders,
    hasTables: manifest.main !== undefined,
    facts: names.known,
    workFolder,
    signal,
  });
  const { judgement } = await checkModule(`${manifest.name}.ko`, finished.ko, { kernel });
  findings.push(...unique([...finished.findings, ...judgement.findings]));
  const spent = finished.commands.map((command) => `${command.step} ${Math.round(command.ms)} ms`);
  done('finish', `${finished.ko.length} bytes (${spent.join(', ')})`);
  refuseErrors();
  const judged = withOverrides(findings, overrides);
  const report = folderReport({
    kernel,
    manifest,
    objects: compiled.objects,
    resolved,
    module: finished.ko,
    findings: judged,
    overrides: findings
      .filter(({ id, severity }) => severity === 'error' && isOverridable(id))
      .map(({ id }) => id),
  });
  return { plan, manifest, module: finished.ko, report, findings: judged, steps };
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

function kernelProblems({ kernel: made }: Manifest, { id, release }: Kernel): Finding[] {
  const isOther =
    (made?.id !== undefined && made.id !== id) || (made?.release !== undefined && made.release !== release);
  if (!isOther) return [];
  return [
    {
      id: 'manifest-kernel',
      severity: 'error',
      what: `the folder was made for ${made?.id ?? made?.release}, not for ${id}`,
      why: 'what was inlined, cloned and exported there, and what was copied from its source, may differ here',
      next: `make it for this kernel with klpkit source, or name the other one with --kernel`,
      at: { file: manifestFile, symbol: 'kernel' },
    },
  ];
}

/** What a rule says is said by the finishing step as well. */
function unique(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((one) => [JSON.stringify(one), one])).values()];
}
