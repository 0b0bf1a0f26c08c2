import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { mapParallel, writeFileAtomic } from '@klpkit/host';
import { kernelConfig } from '../config.ts';
import { moduleName } from '../modules.ts';
import type { Kernel, OnProgress, Unit } from '../types.ts';
import { cachePath, readCached } from './cache.ts';
import { isEntered } from './entered.ts';
import { compilations, generatedFiles } from './flags.ts';
import { includersOf } from './includes.ts';
import { type FolderLists, folderLists, makefileText } from './lists.ts';
import { dryRun, makeGenerated } from './make.ts';
import { outsideFolders } from './outside.ts';
import { whyNot } from './reasons.ts';

/** Options of looking for units. */
export interface FindOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A source that is no unit of this kernel, and why. */
export interface MissingSource {
  readonly source: string;
  /** A sentence without a full stop: `CONFIG_JFS_FS is off in this kernel`. */
  readonly reason: string;
  /** The options that are off, where that is the reason. */
  readonly options: readonly string[];
}

/** What was found for a list of sources. */
export interface FoundUnits {
  /** Ordered by object; a source can make several, and one that is included by others stands for those. */
  readonly units: readonly Unit[];
  /** In the order of the sources. */
  readonly missing: readonly MissingSource[];
}

/** An object that this configuration builds, before its flags are known. */
export interface BuiltObject {
  /** As Kbuild names it. */
  readonly object: string;
  /** Relative to the tree. */
  readonly source: string;
  readonly owner: string;
  readonly ko?: string;
  /** Set if a makefile further down is in the way when asking from the top: the folder to ask in. */
  readonly askedIn?: string;
}

/**
 * The units that make something out of the sources (`fs/namei.c`, relative to the tree), with the exact arguments of the
 * compiler: Kbuild is asked, for the folders that matter. A `.c` file that is only included by others gives those.
 */
export async function findUnits(
  kernel: Kernel,
  sources: readonly string[],
  options: FindOptions = {},
): Promise<FoundUnits> {
  const { signal } = options;
  const wanted: BuiltObject[] = [];
  const rest: string[] = [];
  const builtOf = (source: string) => builtFrom(kernel, source, signal);
  for (const [i, built] of (await mapParallel(sources, 2, builtOf, signal)).entries()) {
    if (built.length > 0) wanted.push(...built);
    else rest.push(sources[i] as string);
  }
  const missing: MissingSource[] = [];
  for (const source of rest) {
    const missed = await explain(kernel, source);
    if (missed) {
      missing.push(missed);
      continue;
    }
    const includers = await includersOf(kernel, [source], options);
    const built = (await mapParallel(includers, 2, builtOf, signal)).flat();
    if (built.length > 0) wanted.push(...built);
    else missing.push({ source, reason: unlisted(includers), options: [] });
  }
  const { units, unreached } = await unitsOf(kernel, wanted, options);
  for (const { source } of unreached) {
    if (missing.some((one) => one.source === source) || units.some((unit) => unit.source === source))
      continue;
    missing.push(
      (await explain(kernel, source)) ?? {
        source,
        reason: 'no makefile of this configuration reaches it',
        options: [],
      },
    );
  }
  return { units, missing };
}

function unlisted(includers: readonly string[]): string {
  return includers.length > 0
    ? `it is included by ${includers.slice(0, 3).join(', ')}, which this configuration does not build`
    : 'no makefile that this configuration reads puts it into the kernel image or a module';
}

/** The objects that a source makes, by the lists of the makefiles around it; empty if none does. */
export async function builtFrom(
  kernel: Kernel,
  source: string,
  signal?: AbortSignal,
): Promise<BuiltObject[]> {
  if (!source.endsWith('.c')) return [];
  const built: BuiltObject[] = [];
  let folder = dirname(source);
  // The nearest makefile that builds it: libxfs/ has none of its own, display/'s is included by another.
  for (; folder !== '.'; folder = dirname(folder)) {
    if (
      !existsSync(join(kernel.sourceDir, folder, 'Makefile')) &&
      !existsSync(join(kernel.sourceDir, folder, 'Kbuild'))
    ) {
      continue;
    }
    const lists = await folderLists(kernel, folder, signal);
    const found = lists ? objectsOf(lists, folder, source) : [];
    if (found.length === 0) continue;
    if (await isEntered(kernel, folder, signal)) built.push(...found);
    break;
  }
  for (const outside of await outsideFolders(kernel, source)) {
    const lists = outside === folder ? null : await folderLists(kernel, outside, signal);
    const found = lists ? objectsOf(lists, outside, source) : [];
    if (found.length > 0 && (await isEntered(kernel, outside, signal))) built.push(...found);
  }
  return built;
}

/** The objects among a folder's lists that come from a source. */
export function objectsOf(lists: FolderLists, folder: string, source: string): BuiltObject[] {
  const names = new Set([source.replace(/\.c$/, '.o')]);
  for (const { to, from } of lists.rules) {
    if (source.startsWith(from)) names.add(`${to}${source.slice(from.length).replace(/\.c$/, '.o')}`);
  }
  const isMeant = (object: string) => names.has(normalize(object));
  const asked = (object: string) =>
    lists.entered.some((below) => object.startsWith(`${below}/`)) ? { askedIn: folder } : {};
  return [
    ...lists.builtin
      .filter(isMeant)
      .map((object) => ({ object, source, owner: 'vmlinux', ...asked(object) })),
    ...lists.modules.flatMap((module) =>
      module.parts.filter(isMeant).map((object) => ({
        object,
        source,
        owner: moduleName(module.object.replace(/\.o$/, '')),
        ko: module.object.replace(/\.o$/, '.ko'),
        ...asked(object),
      })),
    ),
  ];
}

/** Most goals of one make: far below what a command line takes. */
const goalsAtOnce = 200;

/**
 * Asks Kbuild for the flags of objects. An object that is not reached from the top of the tree, because a folder above
 * it is not entered, comes back in `unreached`.
 */
export async function unitsOf(
  kernel: Kernel,
  wanted: readonly BuiltObject[],
  { onProgress, signal }: FindOptions = {},
): Promise<{ units: Unit[]; unreached: BuiltObject[] }> {
  const units: Unit[] = [];
  const asked: BuiltObject[] = [];
  const seen = new Set<string>();
  for (const one of wanted) {
    if (seen.has(unitKey(one))) continue;
    seen.add(unitKey(one));
    const known = await readCached<Unit>(unitPath(kernel, one));
    if (known) units.push(known);
    else asked.push(one);
  }
  const unreached: BuiltObject[] = [];
  let done = 0;
  for (const chunk of chunksOf(asked)) {
    if (asked.length > goalsAtOnce) {
      onProgress?.({ label: 'ask Kbuild for flags', done, total: asked.length, unit: 'units' });
    }
    done += chunk.length;
    const goals = [...new Set(chunk.map(({ object }) => object))];
    const printed = await dryRun(kernel, chunk[0]?.askedIn ?? '.', goals, signal);
    const generated = generatedFiles(printed);
    if (generated.length > 0) await makeGenerated(kernel, generated, signal);
    const byObject = new Map(compilations(printed).map((one) => [one.object, one]));
    for (const one of chunk) {
      const compilation = byObject.get(one.object);
      if (!compilation) {
        unreached.push(one);
        continue;
      }
      const { askedIn: _, ...fields } = one;
      const unit: Unit = { ...fields, argv: compilation.argv };
      await writeFileAtomic(unitPath(kernel, one), JSON.stringify(unit));
      units.push(unit);
    }
  }
  units.sort((a, b) => compare(a.object, b.object) || compare(a.owner, b.owner));
  return { units, unreached };
}

/** Objects to ask for at once: from the top as many as a command line should have, else folder by folder. */
function chunksOf(asked: readonly BuiltObject[]): BuiltObject[][] {
  const chunks: BuiltObject[][] = [];
  for (const group of Map.groupBy(asked, ({ askedIn }) => askedIn).values()) {
    for (let at = 0; at < group.length; at += goalsAtOnce) chunks.push(group.slice(at, at + goalsAtOnce));
  }
  return chunks;
}

/** What tells units apart: an object may be part of two modules, and is patched in each. */
export function unitKey({ object, owner }: Pick<Unit, 'object' | 'owner'>): string {
  return `${object} of ${owner}`;
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function unitPath(kernel: Kernel, one: BuiltObject): string {
  return cachePath(kernel, `unit ${unitKey(one)}`);
}

/** Why a source makes no object, or undefined if nothing tells and it may be included by others. */
async function explain(kernel: Kernel, source: string): Promise<MissingSource | undefined> {
  const because = (reason: string, options: readonly string[] = []) => ({ source, reason, options });
  const arch = /^arch\/([^/]+)\//.exec(source)?.[1];
  if (arch && arch !== kernel.arch)
    return because(`it belongs to the architecture ${arch}; the kernel is for ${kernel.arch}`);
  if (source.endsWith('.S')) return because('it is assembly, and livepatching replaces C functions');
  if (!existsSync(join(kernel.sourceDir, source)))
    return because(`the source of ${kernel.id} has no such file`);
  if (!source.endsWith('.c')) return because('it is no C source');
  const config = await kernelConfig(kernel);
  const { options, isListed } = await whyNot(source, config, (folder) => makefileText(kernel, folder));
  if (options.length > 0) {
    return because(
      `${options.join(' and ')} ${options.length > 1 ? 'are' : 'is'} off in this kernel`,
      options,
    );
  }
  if (isListed)
    return because(
      'its makefile builds it into something other than the kernel image or a module (boot code, vDSO, tools)',
    );
  return undefined;
}
