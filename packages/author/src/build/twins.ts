import { type Kernel, type Unit, unitKey } from '@klpkit/kernel';
import { type CompiledUnit, type CompileOptions, compileAll } from '../compile/index.ts';
import type { Fix } from '../fix/index.ts';
import { makeOverlay } from '../overlay/index.ts';
import type { BuiltUnit } from './types.ts';

/** Changed units with debug information, which tells what source line an instruction comes from. */
export interface Twins {
  /** Folders of the views of the tree that they were compiled from, beside that of the build itself. */
  readonly overlays: readonly string[];
  /** One side of a unit; absent when it was not asked for, or could not be compiled. */
  of(unit: Unit, side: 'before' | 'after'): CompiledUnit | undefined;
}

/** No source lines. */
export const noTwins: Twins = { overlays: [], of: () => undefined };

/**
 * Compiles what has no debug information yet; a failure costs those lines only. It is made of the fixed text as it is, whose line
 * numbers are those that a reader sees.
 *
 * @param folder where a view of the fixed tree is made if one is needed
 */
export async function compileTwins(
  kernel: Kernel,
  fix: Fix,
  units: readonly BuiltUnit[],
  folder: string,
  options: CompileOptions,
): Promise<Twins> {
  const known = units.flatMap(({ before, after }) => [before, after]).filter(({ debug }) => debug);
  if (known.length === 2 * units.length) return twinsAmong(known, []);
  const overlay = makeOverlay(
    kernel.sourceDir,
    [...fix.headers, ...fix.files.map((file) => ({ path: file.path, text: file.after }))],
    folder,
  );
  const { compiled } = await compileAll(
    kernel,
    units.flatMap(({ judged: { unit }, before, after }) => [
      ...(before.debug ? [] : [{ unit, side: 'before' as const, debug: true }]),
      ...(after.debug ? [] : [{ unit, side: 'after' as const, overlay, debug: true }]),
    ]),
    options,
  );
  return twinsAmong([...known, ...compiled], [overlay.folder]);
}

function twinsAmong(compiled: readonly CompiledUnit[], overlays: readonly string[]): Twins {
  return {
    overlays,
    of: (unit, side) =>
      compiled.find((entry) => unitKey(entry.unit) === unitKey(unit) && entry.side === side),
  };
}
