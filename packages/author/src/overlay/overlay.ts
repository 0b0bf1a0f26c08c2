import { lstatSync, mkdirSync, readdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { contentKey } from '@klpkit/host';
import { encodeSource } from '../fix/text.ts';

/** A view of the kernel's source in which some files are others. */
export interface Overlay {
  /** Absolute path of the view. */
  readonly folder: string;
  /** Absolute path of the tree that it shows. */
  readonly sourceDir: string;
  /** The files that differ, by their path relative to the tree; without text they are missing in the view. */
  readonly files: ReadonlyMap<string, string | undefined>;
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
 * The compiler looks for a quoted header beside the file that includes it, under the path by which that file was found, so headers
 * beside a changed one find it. `"../internal.h"` out of a folder that is a link leads out of the view, to the old file: such ways
 * are seen when something is compiled, and {@link makeReal} mends them.
 *
 * @param folder an empty or missing folder
 */
export function makeOverlay(sourceDir: string, files: readonly OverlayFile[], folder: string): Overlay {
  const changed = new Map(files.map((file) => [normalize(file.path), file.text]));
  const ancestors = new Set<string>(['.']);
  for (const path of changed.keys()) {
    for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) ancestors.add(parent);
  }
  const fill = (relative: string) => {
    const target = join(folder, relative);
    mkdirSync(target, { recursive: true });
    for (const entry of readdirSync(join(sourceDir, relative), { withFileTypes: true })) {
      const path = relative === '.' ? entry.name : `${relative}/${entry.name}`;
      if (changed.has(path)) continue;
      if (entry.isDirectory() && ancestors.has(path)) fill(path);
      else symlinkSync(join(sourceDir, path), join(folder, path));
    }
  };
  fill('.');
  for (const [path, text] of changed) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    if (text !== undefined) writeFileSync(join(folder, path), encodeSource(text));
  }
  const sorted = [...changed].sort(([a], [b]) => (a < b ? -1 : 1));
  const key = contentKey(
    ...sorted.flatMap(([path, text]) =>
      text === undefined ? [path, '-', ''] : [path, '+', encodeSource(text)],
    ),
  );
  return { folder, sourceDir, files: changed, key };
}

/** Turns folders of a view that are links into real ones full of links. Nothing may be compiled from the view meanwhile. */
export function makeReal({ folder, sourceDir }: Overlay, folders: readonly string[]): void {
  for (const path of folders) {
    const parts = path.split('/');
    for (let count = 1; count <= parts.length; count++) {
      const part = parts.slice(0, count).join('/');
      if (!lstatSync(join(folder, part), { throwIfNoEntry: false })?.isSymbolicLink()) continue;
      unlinkSync(join(folder, part));
      mkdirSync(join(folder, part));
      for (const name of readdirSync(join(sourceDir, part)))
        symlinkSync(join(sourceDir, part, name), join(folder, part, name));
    }
  }
}
