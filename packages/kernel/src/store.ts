import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { UsageError } from '@klpkit/findings';
import { cacheRoot, temporaryName, withLock } from '@klpkit/host';
import { compareDebianVersions } from './providers/deb822.ts';
import { isOfSeries } from './providers/debian-spec.ts';
import type { Kernel } from './types.ts';

/** Version of the layout of a kernel's folder; a folder of another version is made anew. */
const layout = 1;

/** Fields of {@link Kernel} that are paths. Stored relative to the kernel's folder where they are inside the cache. */
const pathFields = [
  'vmlinuz',
  'vmlinux',
  'modulesDir',
  'buildDir',
  'sourceDir',
  'headersDir',
  'moduleSymvers',
  'moduleLds',
  'objtool',
  'modpost',
  'moduleCommon',
] as const satisfies readonly (keyof Kernel)[];

const folders = {
  kernels: () => join(cacheRoot(), 'kernels'),
  sources: () => join(cacheRoot(), 'sources'),
  debs: () => join(cacheRoot(), 'debs'),
  locks: () => join(cacheRoot(), 'locks'),
};

/** Folder of downloaded packages. */
export const debsFolder = folders.debs;
/** Folder of unpacked source trees, which kernels of several flavours share. */
export const sourcesFolder = folders.sources;

/** The folder of a kernel in the cache. */
export function kernelFolder(id: string): string {
  return join(folders.kernels(), fileName(id));
}

/** The lock file of something that is made once. */
export function lockFile(what: string): string {
  return join(folders.locks(), `${fileName(what)}.lock`);
}

/** A file name for an identifier: colons and slashes become dashes. */
function fileName(id: string): string {
  return id.replace(/[^\w.+~-]+/g, '-');
}

/** The text of `kernel.json`. `finalDir` is the folder that the kernel will have once it is renamed into place. */
export function kernelManifest(kernel: Kernel, finalDir: string): string {
  const root = cacheRoot();
  const stored: Record<string, unknown> = { layout, ...kernel, dir: undefined };
  for (const field of pathFields) {
    const path = kernel[field];
    if (path === undefined) continue;
    const isInside = !relative(root, path).startsWith('..') && !isAbsolute(relative(root, path));
    // The kernel's folder may still have its temporary name.
    const isOwn = path === kernel.dir || path.startsWith(`${kernel.dir}/`);
    stored[field] = isOwn ? relative(kernel.dir, path) : isInside ? relative(finalDir, path) : path;
  }
  return `${JSON.stringify(stored, null, 2)}\n`;
}

async function readKernel(dir: string): Promise<Kernel | undefined> {
  const text = await readFile(join(dir, 'kernel.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const stored = JSON.parse(text) as Kernel & { layout: number };
  if (stored.layout !== layout) return undefined;
  const { layout: _, ...fields } = stored;
  const kernel: Record<string, unknown> = { ...fields, dir };
  for (const field of pathFields) {
    const path = stored[field];
    if (path !== undefined) kernel[field] = resolve(dir, path);
  }
  return kernel as unknown as Kernel;
}

/** The kernel with exactly this id, if it is in the cache. */
export async function findKernel(id: string): Promise<Kernel | undefined> {
  const kernel = await readKernel(kernelFolder(id));
  // A source tree can have been removed by hand.
  return kernel && existsSync(kernel.sourceDir) ? kernel : undefined;
}

/** The kernels in the cache, ordered by id. */
export async function listKernels(): Promise<Kernel[]> {
  const names = await readdir(folders.kernels()).catch(() => []);
  const kernels = await Promise.all(
    names.filter((name) => !name.includes('.tmp-')).map((name) => readKernel(join(folders.kernels(), name))),
  );
  return kernels
    .filter((kernel) => kernel !== undefined)
    .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/**
 * The kernel in the cache that is meant: by its id, its release, the newest of a Debian series (`debian:6.12`, `6.12`,
 * `6.1-rt-amd64`), or the beginning of an id or release if only one fits. Throws {@link UsageError} that says what there is.
 */
export async function openKernel(idOrPrefix: string): Promise<Kernel> {
  const kernels = await listKernels();
  const exact = kernels.filter((kernel) => kernel.id === idOrPrefix || kernel.release === idOrPrefix);
  const newest = newestOfSeries(kernels, idOrPrefix);
  const found =
    exact.length > 0
      ? exact
      : newest
        ? [newest]
        : kernels.filter(
            (kernel) => kernel.id.startsWith(idOrPrefix) || kernel.release.startsWith(idOrPrefix),
          );
  const [kernel] = found;
  if (kernel && found.length === 1) {
    if (existsSync(kernel.sourceDir)) return kernel;
    throw new UsageError(
      `the source tree of ${kernel.id} is gone: ${kernel.sourceDir}`,
      `klpkit kernel add ${kernel.id}`,
    );
  }
  const ids = (of: readonly Kernel[]) => of.map(({ id }) => id).join(', ');
  if (kernel)
    throw new UsageError(`${idOrPrefix} fits more than one kernel: ${ids(found)}`, 'give the whole id');
  throw new UsageError(
    `no kernel ${idOrPrefix} in the cache${kernels.length > 0 ? `; there are ${ids(kernels)}` : ''}`,
    `klpkit kernel add ${/^\d/.test(idOrPrefix) ? 'debian:' : ''}${idOrPrefix}`,
  );
}

/** `6.1` is a series of its own, although 6.12 begins with it. */
function newestOfSeries(kernels: readonly Kernel[], text: string): Kernel | undefined {
  return kernelsOfSeries(kernels, text)[0];
}

/** Those of a Debian series and flavour (`debian:6.12`, `debian:6.12-rt-amd64`; amd64 where none is said), the newest first. */
export function kernelsOfSeries(kernels: readonly Kernel[], series: string): Kernel[] {
  const spec = series.replace(/^debian:/, '');
  return kernels
    .filter(({ id, release }) => id.startsWith('debian:') && isOfSeries(release, spec))
    .sort((a, b) => compareDebianVersions(b.sourceVersion ?? '', a.sourceVersion ?? ''));
}

/** Removes a kernel, its packages, and its source tree unless another kernel uses it. Returns its id. */
export async function removeKernel(idOrPrefix: string): Promise<string> {
  const all = await listKernels();
  const kernel = await openKernel(idOrPrefix).catch((error: unknown) => {
    const broken = all.find(({ id, release }) => id === idOrPrefix || release === idOrPrefix);
    if (broken) return broken;
    throw error;
  });
  await withLock(lockFile(kernel.id), async () => {
    await removeFolder(kernel.dir);
    const isShared = all.some(({ id, sourceDir }) => id !== kernel.id && sourceDir === kernel.sourceDir);
    const isOurs = kernel.sourceDir.startsWith(`${folders.sources()}/`);
    if (isOurs && !isShared) await removeFolder(kernel.sourceDir);
    const { sourceVersion } = kernel;
    if (!sourceVersion) return;
    for (const name of await readdir(folders.debs()).catch(() => [])) {
      const isItsOwn = name.includes(`-${kernel.release}_`) || name.includes(`-${kernel.release}-unsigned_`);
      if (isItsOwn || (!isShared && name.endsWith(`_${sourceVersion}.deb`))) {
        await rm(join(folders.debs(), name), { force: true });
      }
    }
  });
  return kernel.id;
}

/** Renames first, so that an interrupted removal leaves no half kernel under the true name. */
async function removeFolder(path: string): Promise<void> {
  const gone = temporaryName(path);
  await rename(path, gone).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rm(gone, { recursive: true, force: true });
}
