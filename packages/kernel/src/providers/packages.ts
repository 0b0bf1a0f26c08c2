import { join } from 'node:path';
import { MissingTool } from '@klpkit/findings';
import { cacheRoot, contentKey, makeFolderAtomic, mapParallel, runPipe, withLock } from '@klpkit/host';
import { debsFolder, lockFile } from '../store.ts';
import { aptShow, type DebPackage, fetchDeb, refreshLists } from './apt.ts';
import type { AddOptions } from './debian.ts';

/** Programs of a distribution, unpacked and not installed. */
export interface UnpackedPackages {
  /** The folder that holds `bin`, `lib`, `usr`, …, all packages in one. */
  readonly folder: string;
  /** Name and version of each, sorted. */
  readonly packages: readonly { readonly name: string; readonly version: string }[];
}

/** Folders of packages that no program needs to run. */
const leftOut = ['./usr/share', './usr/include', './etc', './var'];

/**
 * Fetches Debian packages with the libraries that they depend on, and unpacks them into a folder of the cache. Nothing is installed,
 * and nothing needs root. What is there already is given back.
 *
 * @throws {MissingTool} when the package lists do not have one
 */
export async function unpackPackages(
  names: readonly string[],
  options: AddOptions = {},
): Promise<UnpackedPackages> {
  const { onProgress, signal } = options;
  let debs = await withLibraries(names, signal);
  if (typeof debs === 'string') {
    await refreshLists(`the package lists have no ${debs}`, onProgress, signal);
    debs = await withLibraries(names, signal);
    if (typeof debs === 'string')
      throw new MissingTool(`the package lists have no ${debs}`, 'apt-get update');
  }
  const packages = debs.map(({ name, version }) => ({ name, version }));
  const key = contentKey(...packages.map(({ name, version }) => `${name} ${version}`), ...leftOut).slice(
    0,
    16,
  );
  const folder = join(cacheRoot(), 'userland', key);
  const found = debs;
  await withLock(
    lockFile(`userland-${key}`),
    () =>
      makeFolderAtomic(folder, async (tmp) => {
        // One download at a time leaves most of its time to apt itself.
        const fetched = await mapParallel(
          found,
          4,
          (deb) => fetchDeb(deb, debsFolder(), onProgress, signal),
          signal,
        );
        for (const [i, deb] of found.entries()) {
          const path = fetched[i] ?? '';
          onProgress?.({ label: `unpack ${deb.name}` });
          const tar = ['tar', '-x', '-C', tmp, '--no-same-owner', '--anchored'];
          for (const part of leftOut) tar.push(`--exclude=${part}`);
          await runPipe([['dpkg-deb', '--fsys-tarfile', path], tar], { ...(signal && { signal }) });
        }
      }),
    { signal },
  );
  return { folder, packages };
}

/** The newest of each package and of the libraries that they need, by name; or the name of one that the lists do not have. */
async function withLibraries(names: readonly string[], signal?: AbortSignal): Promise<DebPackage[] | string> {
  const found = new Map<string, DebPackage>();
  for (let wanted: string[] = [...names]; wanted.length > 0; ) {
    const shown = await aptShow(wanted, signal);
    const next = new Set<string>();
    for (const name of wanted) {
      const deb = shown.find((one) => one.name === name);
      if (!deb) return name;
      found.set(name, deb);
      for (const library of librariesOf(deb)) next.add(library);
    }
    wanted = [...next].filter((name) => !found.has(name)).sort();
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Of each dependency the first choice, where it is a library. */
function librariesOf({ record }: DebPackage): string[] {
  return ['Pre-Depends', 'Depends']
    .flatMap((field) => record.get(field)?.split(',') ?? [])
    .map(
      (choices) =>
        choices
          .split('|')[0]
          ?.trim()
          .split(/[\s(:]/)[0] ?? '',
    )
    .filter((name) => name.startsWith('lib'));
}
