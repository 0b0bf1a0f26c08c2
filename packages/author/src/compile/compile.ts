import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { inTemporaryFolder, mapParallel, run } from '@klpkit/host';
import { compileEnvironment, type Kernel, type OnProgress, spelledSource, unitKey } from '@klpkit/kernel';
import { placeFlags, withoutDirectives } from '../fix/places.ts';
import {
  foldersOnTheWay,
  type Missed,
  makeOverlay,
  makeReal,
  missedIn,
  type Overlay,
} from '../overlay/index.ts';
import { argumentsFor } from './argv.ts';
import { partTypes } from './btf.ts';
import { cacheStem, fromCache, store } from './cache.ts';
import { cloneFlags, readClones } from './clones.ts';
import { compilerFinding, missedFinding } from './messages.ts';
import type { Compilation, CompiledUnit, FailedUnit } from './types.ts';

/** Options of {@link compileAll}. */
export interface CompileOptions {
  /** Compilers at once. */
  readonly jobs: number;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Compiles units, at most `jobs` at a time; the order of the result is that of the request.
 *
 * An after side whose before side (in the same request) reads no file that the fix touches is not compiled: it is the same.
 */
export async function compileAll(
  kernel: Kernel,
  compilations: readonly Compilation[],
  { jobs, onProgress, signal }: CompileOptions,
): Promise<{ compiled: CompiledUnit[]; failed: FailedUnit[] }> {
  const results = new Map<Compilation, CompiledUnit | FailedUnit>();
  const missed: [Compilation, Missed][] = [];
  const step = (list: readonly Compilation[]) =>
    mapParallel(
      list,
      jobs,
      async (compilation, _, inner) => {
        const result = await compileOnce(kernel, compilation, inner);
        if ('missed' in result) missed.push([compilation, result.missed]);
        else results.set(compilation, result);
        onProgress?.({ label: 'compile', done: results.size, total: compilations.length, unit: 'units' });
      },
      signal,
    );
  for (const compilation of compilations) reachSource(compilation);
  const befores = new Map(
    compilations.filter((one) => one.side === 'before').map((one) => [keyOf(one), one] as const),
  );
  // Of a unit that only includes a changed header, the before side tells whether the after side differs at all.
  const isAsked = (one: Compilation) =>
    one.side === 'after' && one.overlay?.files.has(one.unit.source) === false && befores.has(keyOf(one));
  await step(compilations.filter((one) => !isAsked(one)));
  const differing: Compilation[] = [];
  for (const one of compilations.filter(isAsked)) {
    const before = results.get(befores.get(keyOf(one)) as Compilation);
    if (before && 'bytes' in before && one.overlay && !mayDiffer(one.overlay, before.dependencies))
      results.set(one, { ...before, side: 'after', ms: 0, isBefore: true });
    else {
      differing.push(one);
      if (one.overlay && before && 'bytes' in before)
        makeReal(one.overlay, foldersOnTheWay(one.overlay, before.ways));
    }
  }
  await step(differing);
  // Only now, with no compiler at work on the view, can it be changed.
  for (const [compilation] of missed)
    results.set(compilation, await compileUnit(kernel, compilation, signal));
  const ordered = compilations.map((compilation) => results.get(compilation) as CompiledUnit | FailedUnit);
  return {
    compiled: ordered.filter((result) => 'bytes' in result),
    failed: ordered.filter((result) => 'finding' in result),
  };
}

const keyOf = ({ unit, debug = false }: Compilation) => `${unitKey(unit)}\0${debug}`;

/** Whether something compiled from a view differs from the same compiled from the tree, by the files that the latter read. */
function mayDiffer({ files, sourceDir }: Overlay, dependencies: readonly string[]): boolean {
  const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);
  // A new file may be found before the one of the same name that was meant so far.
  const names = new Set([...files.keys()].filter((path) => !existsSync(join(sourceDir, path))).map(nameOf));
  return dependencies.some((path) => files.has(path) || names.has(nameOf(path)));
}

/** Makes folders of a view real that the way to the unit's own source goes up from. */
function reachSource({ unit, side, overlay }: Compilation): void {
  if (side === 'after' && overlay) makeReal(overlay, foldersOnTheWay(overlay, [spelledSource(unit)]));
}

/** Compiles one unit, or takes the object from the cache. Nothing else may use the view meanwhile. */
export async function compileUnit(
  kernel: Kernel,
  compilation: Compilation,
  signal?: AbortSignal,
): Promise<CompiledUnit | FailedUnit> {
  reachSource(compilation);
  // Every turn makes at least one more folder real, and few are in the way.
  for (let turn = 0; ; turn++) {
    const result = await compileOnce(kernel, compilation, signal);
    if (!('missed' in result)) return result;
    const { folders, lost } = result.missed;
    const { unit, side, overlay } = compilation;
    if (!overlay || lost.length > 0 || turn === 8)
      return { unit, side, finding: missedFinding(unit, lost.length > 0 ? lost : folders) };
    makeReal(overlay, folders);
  }
}

async function compileOnce(
  kernel: Kernel,
  compilation: Compilation,
  signal?: AbortSignal,
): Promise<CompiledUnit | FailedUnit | { readonly missed: Missed }> {
  const { unit, side } = compilation;
  const overlay = side === 'after' ? compilation.overlay : undefined;
  const root = overlay?.folder ?? kernel.sourceDir;
  const places = [...(overlay?.files.values() ?? [])].flatMap((text) => placeFlags(text ?? ''));
  const argumentsIn = (folder: string) => [
    ...argumentsFor(unit, compilation, kernel.sourceDir, folder, kernel.compilerVersion),
    ...places,
  ];
  const argv = argumentsIn(root);
  const neutral = argumentsIn('/');
  const stem = cacheStem(kernel, spelledSource(unit), unit.object, overlay?.key ?? '', ...neutral);
  const known = await fromCache(kernel, stem, root);
  // Whoever asks for debug information asks where functions went; the dump says of some what debug information does not.
  const isWhole =
    !compilation.debug ||
    known?.ipaClones !== undefined ||
    cloneFlags(kernel.compilerVersion, '').length === 0;
  if (known && isWhole) return { unit, side, ...known, ms: 0, cached: true };

  return inTemporaryFolder('klpkit-compile-', async (folder) => {
    const result = await runCompiler(kernel, compilation, root, argv, folder, signal);
    if (result.code !== 0) {
      // It may fail because it read an old header, of which a failed compilation gives no list.
      const preprocessed =
        overlay && (await runCompiler(kernel, compilation, root, [...argv, '-E'], folder, signal));
      if (preprocessed?.code === 0) {
        const missed = missedIn(overlay as Overlay, await readRule(join(folder, 'unit.d')), preprocessed.cwd);
        if (missed) return { missed };
      }
      const stderr = overlay
        ? ((await plainMessage(kernel, compilation, overlay, folder, signal)) ?? result.stderr)
        : result.stderr;
      const roots = [root, join(folder, 'plain'), kernel.sourceDir, kernel.buildDir];
      return { unit, side, finding: compilerFinding(unit, side, roots, stderr) };
    }
    const read = await readRule(join(folder, 'unit.d'));
    const missed = overlay && missedIn(overlay, read, result.cwd);
    if (missed) return { missed };
    const { debug, ...parted } = await partTypes(join(folder, 'unit.o'), signal);
    const paths = read.map((path) => normalize(isAbsolute(path) ? path : join(result.cwd, path)));
    const dependencies = relativeTo(paths, [root, kernel.sourceDir]);
    const ways = read
      .filter((path) => path.startsWith(`${root}/`) && path.includes('/../'))
      .map((path) => path.slice(root.length + 1));
    const ipaClones = await readClones(join(folder, 'unit.clones'), [
      root,
      kernel.sourceDir,
      kernel.buildDir,
    ]);
    const object = {
      ...parted,
      ...(compilation.debug && debug && { debug }),
      ...(ipaClones !== undefined && { ipaClones }),
      dependencies,
      ways,
    };
    await store(kernel, stem, object, paths, root);
    return { unit, side, ...object, ms: result.ms, cached: false };
  });
}

async function runCompiler(
  kernel: Kernel,
  { unit }: Compilation,
  root: string,
  argv: readonly string[],
  folder: string,
  signal?: AbortSignal,
): Promise<{
  readonly code: number | null;
  readonly stderr: string;
  readonly ms: number;
  readonly cwd: string;
}> {
  // Not joined: that takes .. off, which is part of the name that the code has.
  const spelled = spelledSource(unit);
  const source = [root, kernel.buildDir].map((base) => `${base}/${spelled}`).find((path) => existsSync(path));
  // A kernel that was built in its source tree is compiled with paths relative to that.
  const cwd = kernel.buildDir === kernel.sourceDir ? root : kernel.buildDir;
  const output = ['-MMD', '-MF', join(folder, 'unit.d'), '-MT', 'unit', '-c', '-o', join(folder, 'unit.o')];
  output.push(...cloneFlags(kernel.compilerVersion, join(folder, 'unit.clones')));
  const result = await run([...argv, ...output, source ?? `${root}/${spelled}`], {
    cwd,
    env: await compileEnvironment(kernel),
    check: false,
    signal,
  });
  return { ...result, cwd };
}

/** What the compiler says of the fixed text as it is, so that its line numbers are those that the author sees. */
async function plainMessage(
  kernel: Kernel,
  compilation: Compilation,
  overlay: Overlay,
  folder: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const files = [...overlay.files].map(([path, text]) => ({
    path,
    text: text === undefined ? undefined : withoutDirectives(text),
  }));
  const plain = makeOverlay(kernel.sourceDir, files, join(folder, 'plain'));
  const argv = argumentsFor(
    compilation.unit,
    compilation,
    kernel.sourceDir,
    plain.folder,
    kernel.compilerVersion,
  );
  const { code, stderr } = await runCompiler(kernel, compilation, plain.folder, argv, folder, signal);
  return code === 0 ? undefined : stderr;
}

/** The files of a make rule as the compiler names them; it escapes spaces and doubles dollars. */
async function readRule(path: string): Promise<string[]> {
  const rule = (await readFile(path, 'utf8')).replace(/\\\n/g, ' ').replace(/^unit:/, '');
  const words = rule.match(/(?:\\.|[^\s\\])+/g) ?? [];
  return words.map((word) => word.replace(/\\(.)/g, '$1').replaceAll('$$', '$'));
}

/** Paths below one of the folders, relative to it, sorted. */
function relativeTo(paths: readonly string[], roots: readonly string[]): string[] {
  const relative = paths.flatMap((path) => {
    const root = roots.find((candidate) => path.startsWith(`${candidate}/`));
    return root === undefined ? [] : [path.slice(root.length + 1)];
  });
  return [...new Set(relative)].sort();
}
