import { lstat, readFile, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { type FilePatch, stripName } from '@klpkit/formats';
import { decodeSource } from './text.ts';

/** Why a path of a patch is not taken. */
export interface BadPath {
  readonly reason: string;
}

/** Largest file that a patch is applied to; the largest header of the kernel has 22 MB. */
const mostBytes = 64 << 20;

/** Most folders in front of a path. */
const deepest = 6;

/**
 * How many leading folders of a patch's names are not part of the path, as `patch -p`: git's one first, then as few as make all
 * files that the patch changes files of the tree; if no number does, the one that fits most.
 */
export async function stripLevel(
  files: readonly FilePatch[],
  exists: (path: string) => Promise<boolean>,
): Promise<number> {
  const named = files.filter((file) => !file.isBare);
  const isGit = (name: string | undefined, prefix: string) => name === undefined || name.startsWith(prefix);
  const allGit = named.every(({ oldName, newName }) => isGit(oldName, 'a/') && isGit(newName, 'b/'));
  const levels = [0, 1, ...Array.from({ length: deepest - 1 }, (_, i) => i + 2)];
  if (allGit) levels.sort((a, b) => Number(b === 1) - Number(a === 1) || a - b);
  let best = levels[0] as number;
  let bestCount = 0;
  for (const level of levels) {
    let count = 0;
    for (const file of named) if (await fits(file, level, exists)) count++;
    if (count > bestCount) [best, bestCount] = [level, count];
    if (count === named.length) break;
  }
  return best;
}

async function fits(
  file: FilePatch,
  level: number,
  exists: (path: string) => Promise<boolean>,
): Promise<boolean> {
  const [old, fresh] = [stripName(file.oldName ?? '', level), stripName(file.newName ?? '', level)];
  if (file.oldName !== undefined) return (await has(fresh, exists)) || has(old, exists);
  // A new file is at home where its folder is; at the top of the tree nothing is new.
  return fresh?.includes('/') === true && exists(dirname(fresh));
}

async function has(path: string | undefined, exists: (path: string) => Promise<boolean>): Promise<boolean> {
  return path !== undefined && checkPath(path) === undefined && exists(path);
}

/** Checks, by its text alone, that a path stays inside the tree. */
export function checkPath(path: string): BadPath | undefined {
  if (path === '' || path.startsWith('/')) return { reason: 'it is absolute' };
  if (/[\0\n]/.test(path)) return { reason: 'it holds a control character' };
  const parts = path.split('/');
  if (parts.includes('..')) return { reason: 'it leads up with ..' };
  if (parts.includes('.git')) return { reason: 'it leads into .git' };
  return undefined;
}

/** Reads a file of the tree; `undefined` if there is none. What leads out of the tree, by links too, is not read. */
export async function readTreeFile(root: string, path: string): Promise<string | BadPath | undefined> {
  const bad = checkPath(path) ?? (await checkLinks(root, path));
  if (bad) return bad;
  const full = join(root, path);
  const found = await lstat(full).catch(() => undefined);
  if (!found) return undefined;
  if (!found.isFile()) return { reason: 'it is no regular file' };
  if (found.size > mostBytes) return { reason: `it has ${found.size} bytes, more than ${mostBytes}` };
  return decodeSource(await readFile(full));
}

/** Follows the links of a path's folders, of which the last ones may not exist. */
async function checkLinks(root: string, path: string): Promise<BadPath | undefined> {
  const real = await realpath(root);
  const full = join(root, path);
  const link = await lstat(full).catch(() => undefined);
  if (link?.isSymbolicLink()) return { reason: 'it is a symbolic link' };
  for (let folder = dirname(full); folder.length >= root.length; folder = dirname(folder)) {
    const found = await realpath(folder).catch(() => undefined);
    if (found === undefined) continue;
    if (found === real || found.startsWith(real + sep)) return undefined;
    return { reason: 'one of its folders is a link that leads there' };
  }
  return undefined;
}
