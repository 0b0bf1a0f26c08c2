import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { mapParallel, run, withLock, writeFileAtomic } from '@klpkit/host';
import type { Kernel, Unit } from '../types.ts';
import { type BuiltObject, builtFrom, type FindOptions, unitsOf } from './find.ts';

/**
 * Who includes whom, by text: for each included path as it is written (`linux/fs.h`, `internal.h`), the files that do.
 * Conditionals are not evaluated, so it says more than the compiler sees.
 */
export interface IncludeIndex {
  /** Relative to the tree, each once. */
  readonly files: readonly string[];
  /** By the last part of the included path: pairs of the index of the includer and the path as written. */
  readonly byName: ReadonlyMap<string, readonly (readonly [includer: number, written: string])[]>;
}

const indexFile = 'includes-1.txt';
const loaded = new Map<string, Promise<IncludeIndex>>();

/** Folders that no unit of the kernel image or a module is compiled from. */
const topFolders = [
  'arch/x86',
  'block',
  'certs',
  'crypto',
  'drivers',
  'fs',
  'include',
  'init',
  'io_uring',
  'ipc',
  'kernel',
  'lib',
  'mm',
  'net',
  'security',
  'sound',
  'virt',
];

/** The index of the whole tree; made once per kernel (about 3 s), then read from its folder. */
export function includeIndex(kernel: Kernel, options: FindOptions = {}): Promise<IncludeIndex> {
  let index = loaded.get(kernel.dir);
  if (!index) {
    index = loadIndex(kernel, options);
    index.catch(() => loaded.delete(kernel.dir));
    loaded.set(kernel.dir, index);
  }
  return index;
}

async function loadIndex(kernel: Kernel, { onProgress, signal }: FindOptions): Promise<IncludeIndex> {
  const path = join(kernel.dir, indexFile);
  const known = await readFile(path, 'utf8').catch(() => undefined);
  if (known !== undefined) return parseIndex(known);
  onProgress?.({ label: 'read who includes whom in the source' });
  const text = await withLock(`${path}.lock`, async () => {
    const made = await readFile(path, 'utf8').catch(() => undefined);
    if (made !== undefined) return made;
    const { stdout } = await run(
      [
        'grep',
        '-rE',
        '--include=*.[ch]',
        '--include=*.inc',
        `^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]`,
        ...topFolders,
      ],
      { cwd: kernel.sourceDir, check: false, signal },
    );
    const short = shorten(stdout);
    await writeFileAtomic(path, short);
    return short;
  });
  return parseIndex(text);
}

/** What grep prints (`file:#include "x.h"`), shortened to one line per file: the file, then what it includes, by tabs. */
export function shorten(printed: string): string {
  const lines: string[] = [];
  let current = '';
  for (const line of printed.split('\n')) {
    const match = /^([^:]+):\s*#\s*include\s*[<"]([^>"]+)[>"]/.exec(line);
    if (!match?.[1] || !match[2]) continue;
    if (match[1] === current) lines[lines.length - 1] += `\t${match[2]}`;
    else lines.push(`${match[1]}\t${match[2]}`);
    current = match[1];
  }
  return lines.join('\n');
}

/** Reads what {@link shorten} wrote. */
export function parseIndex(text: string): IncludeIndex {
  const files: string[] = [];
  const byName = new Map<string, [number, string][]>();
  for (const line of text.split('\n')) {
    const [file, ...includes] = line.split('\t');
    if (!file) continue;
    const includer = files.push(file) - 1;
    for (const written of includes) {
      const name = written.slice(written.lastIndexOf('/') + 1);
      const list = byName.get(name);
      if (list) list.push([includer, written]);
      else byName.set(name, [[includer, written]]);
    }
  }
  return { files, byName };
}

/**
 * Whether an include as written in `includer` can mean `path`: beside the includer, or by some `-I` folder, which all
 * come down to the path's end being the same. What lies beside the includer hides the rest, as the compiler has it.
 */
export function canMean(
  written: string,
  includer: string,
  path: string,
  exists: (path: string) => boolean,
): boolean {
  const folder = includer.slice(0, includer.lastIndexOf('/') + 1);
  const beside = normalize(folder + written);
  if (beside === path) return true;
  const plain = written.replace(/^(\.\.?\/)+/, '');
  return (path === plain || path.endsWith(`/${plain}`)) && !exists(beside);
}

/** All `.c` files that include one of the paths, directly or through other files; sorted. A superset of what compiles it. */
export async function includersOf(
  kernel: Kernel,
  paths: readonly string[],
  options: FindOptions = {},
): Promise<string[]> {
  const known = new Map<string, boolean>();
  const exists = (path: string) => {
    let found = known.get(path);
    if (found === undefined) {
      found = existsSync(join(kernel.sourceDir, path));
      known.set(path, found);
    }
    return found;
  };
  return closure(await includeIndex(kernel, options), paths, exists);
}

/** The `.c` files of {@link includersOf}, from an index; `exists` tells whether the tree has a file. */
export function closure(
  index: IncludeIndex,
  paths: readonly string[],
  exists: (path: string) => boolean,
): string[] {
  const reached = new Set(paths);
  const sources = new Set<string>();
  for (const path of reached) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    for (const [includer, written] of index.byName.get(name) ?? []) {
      const file = index.files[includer];
      if (file === undefined || reached.has(file) || !canMean(written, file, path, exists)) continue;
      if (file.endsWith('.c')) sources.add(file);
      // A set gives what is added while it is walked.
      reached.add(file);
    }
  }
  for (const path of paths) sources.delete(path);
  return [...sources].sort();
}

/** The units that may read a header. */
export interface IncludingUnits {
  /** How many sources of the tree may read it, built or not: the size of the question. */
  readonly sources: number;
  /** How many objects this configuration builds from them; 0 if the question was too large to go on. */
  readonly count: number;
  /** With flags; empty if `count` or `sources` is above the limit. */
  readonly units: readonly Unit[];
  /** Whether the limit was reached, so that `units` says nothing. */
  readonly isTooMany: boolean;
}

/**
 * The units whose text includes one of the headers, directly or through others: a superset of those that it changes,
 * which only compiling tells. Above `most` units only counts come back.
 */
export async function unitsIncluding(
  kernel: Kernel,
  headers: readonly string[],
  { most = 400, ...options }: FindOptions & { readonly most?: number } = {},
): Promise<IncludingUnits> {
  const sources = await includersOf(kernel, headers, options);
  const tooMany = (count: number): IncludingUnits => ({
    sources: sources.length,
    count,
    units: [],
    isTooMany: true,
  });
  // Many sources of the tree are for other machines; beyond this no answer would be below the limit.
  if (sources.length > most * 8) return tooMany(0);
  const { onProgress, signal } = options;
  let done = 0;
  const built: BuiltObject[] = (
    await mapParallel(
      sources,
      2,
      async (source) => {
        const objects = await builtFrom(kernel, source, signal);
        done++;
        if (sources.length > 50) {
          onProgress?.({
            label: 'find the units that include the header',
            done,
            total: sources.length,
            unit: 'files',
          });
        }
        return objects;
      },
      signal,
    )
  ).flat();
  if (built.length > most) return tooMany(built.length);
  const { units } = await unitsOf(kernel, built, options);
  return { sources: sources.length, count: units.length, units, isTooMany: false };
}
