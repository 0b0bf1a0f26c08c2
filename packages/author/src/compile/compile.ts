import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { type Finding, MissingTool, Refusal } from '@klpkit/findings';
import {
  aptInstall,
  CommandNotFound,
  cacheRoot,
  contentKey,
  debianPackageOf,
  mapParallel,
  removeAtInterrupt,
  run,
  sha256File,
  writeFileAtomic,
} from '@klpkit/host';
import { compileEnvironment, type Kernel, type OnProgress, type Unit } from '@klpkit/kernel';
import type { Overlay } from '../overlay/index.ts';

/** Which version of a unit is compiled: `exact` is before with the kernel's own flags alone. */
export type Side = 'before' | 'after' | 'exact';

/** One compilation. */
export interface Compilation {
  readonly unit: Unit;
  readonly side: Side;
  /** The view of the source that the after side is compiled from. */
  readonly overlay?: Overlay | undefined;
  /** Keep debug information, which changes no byte of any function. */
  readonly debug?: boolean;
}

/** An object file, with what it was made of. */
export interface CompiledUnit {
  readonly unit: Unit;
  readonly side: Side;
  readonly bytes: Uint8Array;
  /** Files of the kernel tree that went in, relative to it, sorted. */
  readonly dependencies: readonly string[];
  /** Wall time of the compiler in milliseconds; 0 when it came from the cache. */
  readonly ms: number;
  readonly cached: boolean;
}

/** A unit that does not compile. */
export interface FailedUnit {
  readonly unit: Unit;
  readonly side: Side;
  readonly finding: Finding;
}

/**
 * Makes sure that the compiler on this machine is the very one that built the kernel.
 *
 * @throws {MissingTool} when it is not installed
 * @throws {Refusal} when it is another version (KLP141)
 */
export async function assertCompiler(kernel: Kernel): Promise<void> {
  const name = debianPackageOf(kernel.compiler) ?? kernel.compiler;
  let found: string;
  try {
    const { stdout } = await run([kernel.compiler, '--version']);
    found = stdout.split('\n', 1)[0];
  } catch (error) {
    if (error instanceof CommandNotFound)
      throw new MissingTool(
        `${kernel.compiler}, the compiler of ${kernel.id}, is not installed`,
        aptInstall([name]),
      );
    throw error;
  }
  if (found === kernel.compilerVersion) return;
  const version = /\(Debian ([^)]+)\)/.exec(kernel.compilerVersion)?.[1];
  throw new Refusal([
    {
      id: 'KLP141',
      severity: 'error',
      what: `the compiler here is ${found}, ${kernel.id} was built by ${kernel.compilerVersion}`,
      why: 'another compiler makes other code of the same source, and a difference between the two would not be that of the fix',
      next: `apt-get install ${name}${version ? `=${version}` : ''}`,
    },
  ]);
}

/** Compiles units, at most `jobs` at a time; the order of the result is that of the request. */
export async function compileAll(
  kernel: Kernel,
  compilations: readonly Compilation[],
  options: {
    readonly jobs: number;
    readonly onProgress?: OnProgress | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<{ compiled: CompiledUnit[]; failed: FailedUnit[] }> {
  let done = 0;
  const results = await mapParallel(
    compilations,
    options.jobs,
    async (compilation) => {
      const result = await compileUnit(kernel, compilation, options.signal);
      done++;
      options.onProgress?.({ label: 'compile', done, total: compilations.length, unit: 'units' });
      return result;
    },
    options.signal,
  );
  return {
    compiled: results.filter((result) => 'bytes' in result),
    failed: results.filter((result) => 'finding' in result),
  };
}

/** Compiles one unit, or takes the object from the cache, where it is kept by everything that decides its content. */
export async function compileUnit(
  kernel: Kernel,
  { unit, side, overlay, debug = false }: Compilation,
  signal?: AbortSignal,
): Promise<CompiledUnit | FailedUnit> {
  const root = side === 'after' && overlay ? overlay.folder : kernel.sourceDir;
  const inTree = existsSync(join(root, unit.source));
  const source = inTree ? join(root, unit.source) : join(kernel.buildDir, unit.source);
  const argv = argumentsFor(kernel, unit, side, root, debug);
  const key = contentKey(
    kernel.id,
    kernel.sourceVersion ?? '',
    kernel.compilerVersion,
    unit.source,
    unit.object,
    side === 'after' ? (overlay?.key ?? '') : '',
    ...argv.map((word) => word.replaceAll(root, '').replaceAll(kernel.sourceDir, '')),
  );
  const stem = join(cacheRoot(), 'objects', key.slice(0, 2), key);
  const known = await fromCache(kernel, stem, root);
  if (known) return { unit, side, ...known, ms: 0, cached: true };

  const folder = await mkdtemp(join(tmpdir(), 'klpkit-compile-'));
  const forget = removeAtInterrupt(folder);
  try {
    const object = join(folder, 'unit.o');
    const list = join(folder, 'unit.d');
    const result = await run([...argv, '-MMD', '-MF', list, '-MT', 'unit', '-c', '-o', object, source], {
      cwd: kernel.buildDir,
      env: await compileEnvironment(kernel),
      check: false,
      signal,
    });
    if (result.code !== 0)
      return { unit, side, finding: compilerFinding(kernel, unit, side, root, result.stderr) };
    const bytes = new Uint8Array(await readFile(object));
    const dependencies = readDependencies(await readFile(list, 'utf8'), root, kernel.sourceDir);
    await store(kernel, stem, root, bytes, dependencies);
    return { unit, side, bytes, dependencies, ms: result.ms, cached: false };
  } finally {
    await rm(folder, { recursive: true, force: true });
    forget();
  }
}

/** Kbuild's arguments, changed only where the code stays the same (or, but for `exact`, falls into a section per function). */
function argumentsFor(kernel: Kernel, unit: Unit, side: Side, root: string, debug: boolean): string[] {
  const argv = unit.argv
    .map((word) => (word.startsWith('-I/') ? `-I${normalize(word.slice(2))}` : word))
    .map((word) => word.replaceAll(kernel.sourceDir, root))
    .filter((word) => debug || !/^-g(dwarf.*|z.*|split-dwarf)?$/.test(word))
    .map((word) => (/^-gz/.test(word) ? '-gz=none' : word));
  return [
    ...argv,
    // Paths in the debug information are those of the tree, wherever the view of it was: the object may come from the cache.
    ...(debug ? ['-g', '-gz=none', `-fdebug-prefix-map=${root}/=`] : ['-g0']),
    // Warnings about code that somebody else wrote concern nobody here.
    '-w',
    ...(side === 'exact' ? [] : ['-ffunction-sections', '-fdata-sections']),
  ];
}

/** The files of a make rule, those of the tree relative to it, without the ones outside. */
function readDependencies(rule: string, ...roots: readonly string[]): string[] {
  const words = rule
    .replace(/\\\n/g, ' ')
    .replace(/^unit:/, '')
    .split(/\s+/)
    .filter((word) => word !== '');
  const relative = words.flatMap((word) => {
    const path = normalize(word);
    const root = roots.find((candidate) => path.startsWith(`${candidate}/`));
    return root === undefined ? [] : [path.slice(root.length + 1)];
  });
  return [...new Set(relative)].sort();
}

/** A distribution's source never changes under its version; a build tree's may, so there the content of every file counts. */
async function store(
  kernel: Kernel,
  stem: string,
  root: string,
  bytes: Uint8Array,
  dependencies: readonly string[],
): Promise<void> {
  const hashes =
    kernel.sourceVersion === undefined
      ? await Promise.all(dependencies.map((path) => sha256File(join(root, path))))
      : undefined;
  await mkdir(join(stem, '..'), { recursive: true });
  await writeFileAtomic(`${stem}.o`, bytes);
  // Last, since it says that the object is whole.
  await writeFileAtomic(`${stem}.json`, JSON.stringify({ size: bytes.length, dependencies, hashes }));
}

async function fromCache(
  kernel: Kernel,
  stem: string,
  root: string,
): Promise<{ bytes: Uint8Array; dependencies: string[] } | undefined> {
  try {
    const record = JSON.parse(await readFile(`${stem}.json`, 'utf8')) as {
      size: number;
      dependencies: string[];
      hashes?: string[];
    };
    if (kernel.sourceVersion === undefined) {
      const now = await Promise.all(record.dependencies.map((path) => sha256File(join(root, path))));
      if (now.some((hash, index) => hash !== record.hashes?.[index])) return undefined;
    }
    const bytes = new Uint8Array(await readFile(`${stem}.o`));
    return bytes.length === record.size ? { bytes, dependencies: record.dependencies } : undefined;
  } catch {
    // Whatever is wrong with a cached object, compiling anew mends it.
    return undefined;
  }
}

/** Most lines of the compiler's message that a finding carries. */
const messageLines = 12;

function compilerFinding(kernel: Kernel, unit: Unit, side: Side, root: string, stderr: string): Finding {
  const message = stderr
    .replaceAll(`${root}/`, '')
    .replaceAll(`${kernel.sourceDir}/`, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const errors = message.filter((line) => /error:|fatal error:/.test(line));
  const where = /^([^:\s]+):(\d+):/.exec(errors[0] ?? '');
  const line = where && where[1] === unit.source ? { line: Number(where[2]) } : {};
  return {
    id: 'does-not-compile',
    severity: 'error',
    what: `${unit.source} does not compile ${side === 'after' ? 'with the fix' : 'before the fix'}: ${errors[0] ?? message[0] ?? 'the compiler gave no message'}`,
    why: message.slice(0, messageLines).join('\n        '),
    next:
      side === 'after'
        ? 'mend the fix; a patch for another version may need headers of that version'
        : 'check that the kernel was added from its own packages: klpkit kernel show',
    at: { unit: unit.source, ...line },
  };
}
