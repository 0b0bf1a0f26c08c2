import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheRoot, contentKey, sha256File, writeFileAtomic } from '@klpkit/host';
import type { Kernel } from '@klpkit/kernel';

/** An object in the cache. */
export interface CachedObject {
  readonly bytes: Uint8Array;
  /** BTF of the unit; empty where the compiler writes none. */
  readonly types: Uint8Array;
  /** The object with debug information; absent when it was compiled without. */
  readonly debug?: Uint8Array;
  /** What gcc inlined and cloned; absent for another compiler, and in entries from before it was kept. */
  readonly ipaClones?: string | undefined;
  /** Relative to the tree. */
  readonly dependencies: readonly string[];
  /** Those of them that were opened by a way up, as the compiler opened them: `kernel/../lib/x.h`. */
  readonly ways: readonly string[];
}

/** What is kept beside an object. */
interface Record {
  readonly size: number;
  /** Size of the object with debug information. */
  readonly debugSize?: number;
  /** Bytes of gcc's dump. */
  readonly clonesSize?: number;
  readonly dependencies: readonly string[];
  readonly ways: readonly string[];
  /** For a kernel whose source may change: each file that was read, the tree's relative to it, and its SHA-256. */
  readonly hashes?: readonly (readonly [path: string, hash: string])[];
}

/**
 * Where the object of a compilation is kept: by all that decides its content, except for the files of a kernel whose source may
 * change, which are looked at when it is taken out.
 */
export function cacheStem(kernel: Kernel, ...pieces: readonly string[]): string {
  const key = contentKey('5', kernel.id, kernel.sourceVersion ?? '', kernel.compilerVersion, ...pieces);
  return join(cacheRoot(), 'objects', key.slice(0, 2), key);
}

/**
 * Puts an object into the cache.
 *
 * @param read absolute paths of all files that went in
 * @param root the tree, or the view of it, that they were read from
 */
export async function store(
  kernel: Kernel,
  stem: string,
  object: CachedObject,
  read: readonly string[],
  root: string,
): Promise<void> {
  const { bytes, types, debug, ipaClones, dependencies, ways } = object;
  const clones = ipaClones === undefined ? undefined : new TextEncoder().encode(ipaClones);
  const record: Record = {
    size: bytes.length,
    ...(debug && { debugSize: debug.length }),
    ...(clones && { clonesSize: clones.length }),
    dependencies,
    ways,
  };
  // A distribution's source never changes under its version; a build tree's may.
  const hashes = kernel.sourceVersion === undefined ? await hashAll(read, root) : undefined;
  await writeFileAtomic(`${stem}.o`, bytes);
  await writeFileAtomic(`${stem}.btf`, types);
  if (debug) await writeFileAtomic(`${stem}.debug.o`, debug);
  if (clones) await writeFileAtomic(`${stem}.clones`, clones);
  // Last, since it says that the object is whole.
  await writeFileAtomic(`${stem}.json`, JSON.stringify({ ...record, ...(hashes ? { hashes } : {}) }));
}

/** Takes an object out of the cache, unless a file that it was made of has changed. */
export async function fromCache(
  kernel: Kernel,
  stem: string,
  root: string,
): Promise<CachedObject | undefined> {
  try {
    const record = JSON.parse(await readFile(`${stem}.json`, 'utf8')) as Record;
    if (kernel.sourceVersion === undefined) {
      if (!record.hashes) return undefined;
      const now = await hashAll(
        record.hashes.map(([path]) => join(path.startsWith('/') ? '/' : root, path)),
        root,
      );
      if (now.some(([, hash], index) => hash !== record.hashes?.[index]?.[1])) return undefined;
    }
    const bytes = new Uint8Array(await readFile(`${stem}.o`));
    const types = new Uint8Array(await readFile(`${stem}.btf`));
    const { dependencies, ways, debugSize, clonesSize } = record;
    const debug = debugSize === undefined ? undefined : new Uint8Array(await readFile(`${stem}.debug.o`));
    const clones = clonesSize === undefined ? undefined : await readFile(`${stem}.clones`);
    if (bytes.length !== record.size || debug?.length !== debugSize || clones?.length !== clonesSize)
      return undefined;
    const ipaClones = clones?.toString('utf8');
    return {
      bytes,
      types,
      ...(debug && { debug }),
      ...(ipaClones !== undefined && { ipaClones }),
      dependencies,
      ways,
    };
  } catch {
    // Whatever is wrong with a cached object, compiling anew mends it.
    return undefined;
  }
}

async function hashAll(paths: readonly string[], root: string): Promise<[path: string, hash: string][]> {
  const sorted = [...new Set(paths)];
  return Promise.all(
    sorted.map(
      async (path): Promise<[string, string]> => [
        path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path,
        await hashOf(path),
      ],
    ),
  );
}

/** Units share most of their headers: each is read once while it stays as it is. */
const known = new Map<string, Promise<string>>();

async function hashOf(path: string): Promise<string> {
  const { ino, size, mtimeMs } = await stat(path);
  const key = `${path}\0${ino}\0${size}\0${mtimeMs}`;
  let hash = known.get(key);
  if (!hash) {
    hash = sha256File(path);
    hash.catch(() => known.delete(key));
    known.set(key, hash);
  }
  return hash;
}
