import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contentKey, writeFileAtomic } from '@klpkit/host';
import type { Kernel } from '../types.ts';

/** Version of what the files in the folder of units hold. */
const layout = 'units-2';

/**
 * A value that is computed once per kernel and kept in its folder. A kernel's source, configuration and compiler do not
 * change under its id, so the key is all that matters.
 */
export async function cached<T>(kernel: Kernel, key: string, compute: () => Promise<T>): Promise<T> {
  const path = cachePath(kernel, key);
  const known = await readCached<T>(path);
  if (known !== undefined) return known;
  const value = await compute();
  await writeFileAtomic(path, JSON.stringify(value));
  return value;
}

/** Where the value of a key is kept. */
export function cachePath(kernel: Kernel, key: string): string {
  // Readable for who looks, and short enough for any file system.
  const readable = key.replace(/[^\w.+-]+/g, '-').slice(-80);
  return join(kernel.dir, layout, `${readable}-${contentKey(key).slice(0, 12)}.json`);
}

/** The kept value, or undefined if there is none or it cannot be read. */
export async function readCached<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}
