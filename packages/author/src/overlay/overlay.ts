import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { contentKey } from '@klpkit/host';

/** A view of the kernel's source in which some files are others. */
export interface Overlay {
  /** Absolute path of the view. */
  readonly folder: string;
  /** A key of the changed files' paths and contents. */
  readonly key: string;
}

/** A file that differs in the view; without text it is missing there. */
export interface OverlayFile {
  readonly path: string;
  readonly text: string | undefined;
}

/**
 * Makes a view of a source tree: folders that hold a changed file, and their ancestors, are real; everything else is a link into the
 * tree.
 *
 * The compiler looks for a quoted header beside the file that includes it, under the path by which that file was found. So below a
 * changed header all folders are real too: `"../internal.h"` would otherwise lead through a link, out of the view, to the old file.
 *
 * @param folder an empty or missing folder
 */
export function makeOverlay(sourceDir: string, files: readonly OverlayFile[], folder: string): Overlay {
  const changed = new Map(files.map((file) => [normalize(file.path), file.text]));
  const ancestors = new Set<string>(['.']);
  const deep = new Set<string>();
  for (const path of changed.keys()) {
    for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) ancestors.add(parent);
    if (!path.endsWith('.c')) deep.add(dirname(path));
  }
  const fill = (relative: string, isDeep: boolean) => {
    const target = join(folder, relative);
    mkdirSync(target, { recursive: true });
    const all = isDeep || deep.has(relative);
    for (const entry of readdirSync(join(sourceDir, relative), { withFileTypes: true })) {
      const path = relative === '.' ? entry.name : `${relative}/${entry.name}`;
      if (changed.has(path)) continue;
      if (entry.isDirectory() && (all || ancestors.has(path))) fill(path, all);
      else symlinkSync(join(sourceDir, path), join(folder, path));
    }
  };
  fill('.', false);
  for (const [path, text] of changed) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    if (text !== undefined) writeFileSync(join(folder, path), text);
  }
  const sorted = [...changed].sort(([a], [b]) => (a < b ? -1 : 1));
  return { folder, key: contentKey(...sorted.flatMap(([path, text]) => [path, text ?? '\0'])) };
}
