import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Comparison } from '@klpkit/compare';
import type { Kernel } from '@klpkit/kernel';
import type { EditedFile } from './edits.ts';
import { openSource, type SourceSide } from './source.ts';
import type { UnitSource } from './why.ts';

/** What {@link openUnitSource} needs to find the source of a unit's two objects. */
export interface UnitSourceRequest {
  readonly kernel: Pick<Kernel, 'sourceDir' | 'buildDir'>;
  readonly comparison: Comparison;
  /** The files of the fix, whole. */
  readonly files: readonly EditedFile[];
  /**
   * The unit with debug information (`-g`), before and after. The after one from the fixed text as it is or from one of `withPlaces`:
   * an object whose text has plain `#line` directives would give the old numbers for lines that the fix moved.
   */
  readonly debug: { readonly before?: Uint8Array | undefined; readonly after?: Uint8Array | undefined };
  /** What gcc inlined and cloned of those two objects. */
  readonly clones?: { readonly before?: string | undefined; readonly after?: string | undefined };
  /** Folders of private copies of the tree that the after object was compiled in. */
  readonly overlays: readonly string[];
}

/** Opens the source of both sides of a unit: texts of the fix first, then files of the kernel's tree and of its build folder. */
export function openUnitSource(request: UnitSourceRequest): UnitSource {
  const { kernel, comparison, files, debug, clones, overlays } = request;
  const roots = [kernel.sourceDir, kernel.buildDir, ...overlays];
  const side = (name: 'before' | 'after'): SourceSide =>
    openSource({
      object: comparison[name],
      debug: debug[name],
      ipaClones: clones?.[name],
      roots,
      read: (path) => {
        const edited = files.find((file) => file.path === path);
        return edited ? edited[name] : readTreeFile(path, [kernel.sourceDir, kernel.buildDir]);
      },
    });
  return { before: side('before'), after: side('after') };
}

/** A file that is not there has no text; paths come from debug information and must stay in the tree. */
function readTreeFile(path: string, folders: readonly string[]): string | undefined {
  if (path.startsWith('/') || path.split('/').includes('..')) return undefined;
  for (const folder of folders) {
    try {
      return readFileSync(join(folder, path), 'utf8');
    } catch {
      // The next folder may have it.
    }
  }
  return undefined;
}
