import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Finding } from '@klpkit/findings';
import { inTemporaryFolder, mapParallel, run } from '@klpkit/host';
import { compileEnvironment, findUnits, type Kernel, type Unit } from '@klpkit/kernel';
import type { ManifestSource } from '@klpkit/livepatch';
import { fill, loadRecipe } from '../finish/index.ts';
import type { SourceFolder } from './files.ts';

/** An object of a C file of the folder. */
export interface FolderObject {
  /** As the manifest names it. */
  readonly file: string;
  /** What the manifest says of it; absent for `main`. */
  readonly source: ManifestSource | undefined;
  readonly bytes: Uint8Array;
  /** Wall time of the compiler in milliseconds. */
  readonly ms: number;
}

/** What came of compiling. */
export interface CompiledFolder {
  /** `main` last; without those that do not compile. */
  readonly objects: readonly FolderObject[];
  readonly findings: readonly Finding[];
}

/** Options of {@link compileFolder}. */
export interface FolderCompileOptions {
  /** Compilers at once. */
  readonly jobs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Most messages of the compiler that are told of one file. */
const mostMessages = 8;

/** Compiles the C files of a folder, each with the flags of its unit, else with those of a module outside the tree. */
export async function compileFolder(
  kernel: Kernel,
  folder: SourceFolder,
  { jobs, signal }: FolderCompileOptions,
): Promise<CompiledFolder> {
  const { manifest, texts } = folder;
  const { units, findings } = await unitsFor(kernel, manifest.sources, signal);
  const recipe = await loadRecipe(kernel, signal);
  const env = await compileEnvironment(kernel);
  const files: { file: string; source: ManifestSource | undefined }[] = manifest.sources.map((source) => ({
    file: source.file,
    source,
  }));
  if (manifest.main !== undefined) files.push({ file: manifest.main, source: undefined });
  return inTemporaryFolder('klpkit-folder-', async (temporary) => {
    const objects = await mapParallel(
      files,
      jobs,
      async ({ file, source }, number, inner): Promise<FolderObject | undefined> => {
        const name = `source${number}`;
        const unit = source?.unit === undefined ? undefined : units.get(keyOf(source));
        if (source?.unit !== undefined && !unit) return undefined;
        // The name that the compiler knows the file by must not depend on where the folder is.
        await writeFile(
          join(temporary, `${name}.c`),
          `#line 1 ${JSON.stringify(file)}\n${texts.get(file) ?? ''}`,
        );
        const argv = unit
          ? [...unitArgv(unit), '-c', '-o', join(temporary, `${name}.o`), join(temporary, `${name}.c`)]
          : fill(recipe.compile, { folder: temporary, name: manifest.name, unit: name });
        argv.push(
          '-ffunction-sections',
          '-fdata-sections',
          // Functions of a livepatch are declared where they are defined.
          '-Wno-missing-prototypes',
          '-Wno-missing-declarations',
          `-fmacro-prefix-map=${folder.path}/=`,
          '-iquote',
          dirname(join(folder.path, file)),
          '-iquote',
          folder.path,
          ...headersOf(kernel, unit),
          ...(source?.compile ?? []),
        );
        const options = { cwd: kernel.buildDir, env, signal: inner, check: false, timeoutMs: 300_000 };
        const result = await run(argv, options);
        const roots = [temporary, folder.path, kernel.sourceDir, kernel.buildDir];
        findings.push(...messages(file, result.stderr, result.code === 0, roots));
        if (result.code !== 0) return undefined;
        const bytes = new Uint8Array(await readFile(join(temporary, `${name}.o`)));
        return { file, source, bytes, ms: result.ms };
      },
      signal,
    );
    return { objects: objects.filter((one) => one !== undefined), findings };
  });
}

const keyOf = ({ unit, object }: ManifestSource) => `${unit} of ${object}`;

/** Folders in which the unit finds its own headers. */
function headersOf(kernel: Kernel, unit: Unit | undefined): string[] {
  if (!unit) return [];
  const places = [kernel.sourceDir, kernel.buildDir].map((root) => join(root, dirname(unit.source)));
  return [...new Set(places)].flatMap((place) => ['-iquote', place]);
}

/** Kbuild's words without debug information, which nobody reads, and without those that make errors of warnings. */
function unitArgv({ argv }: Unit): string[] {
  return [...argv.filter((word) => !/^-g(dwarf.*|z.*|split-dwarf|\d|btf)?$|^-Werror$/.test(word)), '-g0'];
}

async function unitsFor(
  kernel: Kernel,
  sources: readonly ManifestSource[],
  signal: AbortSignal | undefined,
): Promise<{ units: Map<string, Unit>; findings: Finding[] }> {
  const findings: Finding[] = [];
  const units = new Map<string, Unit>();
  const wanted = [...new Set(sources.flatMap(({ unit }) => (unit === undefined ? [] : [unit])))];
  if (wanted.length === 0) return { units, findings };
  const found = await findUnits(kernel, wanted, { signal });
  sources.forEach((source, number) => {
    const { unit, object } = source;
    if (unit === undefined) return;
    const at = { file: 'klpkit.json', symbol: `sources[${number}].unit` };
    const missing = found.missing.find((one) => one.source === unit);
    const same = found.units.filter((one) => one.source === unit);
    // A file that others include is compiled as they are.
    const candidates = same.length > 0 ? same : missing ? [] : found.units;
    const own = candidates.find((one) => one.owner === object);
    if (own) units.set(keyOf(source), own);
    else
      findings.push({
        id: 'not-built',
        severity: 'error',
        what: missing
          ? `${unit} is not built into this kernel: ${missing.reason}`
          : `${unit} is part of ${[...new Set(candidates.map(({ owner }) => owner))].join(' and ') || 'nothing'}, not of ${object}`,
        next: missing
          ? 'nothing has to be livepatched for this file here, or name another unit'
          : 'make object and unit agree',
        at,
      });
  });
  return { units, findings };
}

/** What the compiler said of one file, as findings; paths of this machine are taken off. */
function messages(file: string, stderr: string, isCompiled: boolean, roots: readonly string[]): Finding[] {
  const text = [...roots]
    .sort((a, b) => b.length - a.length)
    .reduce((all, root) => all.replaceAll(`${root}/`, ''), stderr);
  const findings: Finding[] = [];
  let left = 0;
  for (const line of text.split('\n')) {
    const match = /^(.*?):(\d+):(?:\d+:)? (?:fatal )?(error|warning): (.*)$/.exec(line);
    if (!match || (!isCompiled && match[3] === 'warning')) continue;
    if (findings.length === mostMessages) left++;
    else
      findings.push({
        id: isCompiled ? 'compiler-warning' : 'compile-failed',
        severity: isCompiled ? 'warning' : 'error',
        what: match[4],
        at: { file: match[1], line: Number(match[2]) },
      });
  }
  if (left > 0)
    findings.push({
      id: isCompiled ? 'compiler-warning' : 'compile-failed',
      severity: isCompiled ? 'warning' : 'error',
      what: `${left} more messages of the compiler`,
      at: { file },
    });
  if (!isCompiled && findings.length === 0)
    findings.push({
      id: 'compile-failed',
      severity: 'error',
      what: text.trim().split('\n').slice(-3).join('; ') || 'the compiler failed without a message',
      at: { file },
    });
  return findings;
}
