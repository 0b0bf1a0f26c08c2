import { realpathSync } from 'node:fs';
import { basename, isAbsolute, normalize } from 'node:path';
import type { Overlay } from './overlay.ts';

/** What a compilation read past its view of the source. */
export interface Missed {
  /** Folders, relative to the tree, that have to be real in the view so that ways through them stay in it; sorted. */
  readonly folders: readonly string[];
  /** Changed files that were read in their old form by a way that no real folder mends; sorted. */
  readonly lost: readonly string[];
}

/**
 * Looks, among the files that a compilation read, for changed ones that were read in their old form.
 *
 * The system follows `../` from where a link leads, not from where it is. So a header found as `VIEW/kernel/../fs/x.h` is the old
 * one while `VIEW/kernel` is a link.
 *
 * @param dependencies paths as the compiler opened them, in the working folder `cwd`
 */
export function missedIn(overlay: Overlay, dependencies: readonly string[], cwd: string): Missed | undefined {
  const names = new Set([...overlay.files.keys()].map((path) => basename(path)));
  const view = realpathSync.native(overlay.folder);
  const source = realpathSync.native(overlay.sourceDir);
  const folders = new Set<string>();
  const lost = new Set<string>();
  for (const dependency of dependencies) {
    if (!names.has(basename(dependency))) continue;
    const opened = isAbsolute(dependency) ? dependency : `${cwd}/${dependency}`;
    // The plain realpathSync takes .. off before it follows links.
    const real = realpathSync.native(opened);
    const path = real.startsWith(`${source}/`) ? real.slice(source.length + 1) : undefined;
    // In a view inside the tree a path can begin with both.
    if (path === undefined || real.startsWith(`${view}/`) || !overlay.files.has(path)) continue;
    const ways = waysUp(opened, overlay.folder);
    if (ways.length === 0) lost.add(path);
    for (const way of ways) folders.add(way);
  }
  if (folders.size === 0 && lost.size === 0) return undefined;
  return { folders: [...folders].sort(), lost: [...lost].sort() };
}

/**
 * The folders of a view that have to be real for what was read of the tree: those that the way to a changed file goes up from.
 *
 * @param ways paths relative to the tree, as the compiler opened them, of which those with `..` matter
 */
export function foldersOnTheWay({ files }: Overlay, ways: readonly string[]): string[] {
  const folders = ways.filter((way) => files.has(normalize(way))).flatMap((way) => waysUp(`/${way}`, ''));
  return [...new Set(folders)].sort();
}

/** The folders that a path goes up from, relative to `folder`. */
function waysUp(path: string, folder: string): string[] {
  const parts = path.split('/');
  return parts.flatMap((part, i) => {
    if (part !== '..') return [];
    const from = normalize(parts.slice(0, i).join('/'));
    return from.startsWith(`${folder}/`) ? [from.slice(folder.length + 1)] : [];
  });
}
