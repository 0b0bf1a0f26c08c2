import { type Kernel, spelledSource, type Unit } from '@klpkit/kernel';
import { type Fix, withPlaces } from '../fix/index.ts';
import type { OverlayFile } from '../overlay/index.ts';

/** What of a fix is compiled, and on which sides its units get debug information at once. */
export interface CompiledText {
  readonly files: readonly OverlayFile[];
  /** For the report's source lines; the other units and sides are compiled once more if anything of them changes. */
  debugOf(unit: Unit): { readonly before: boolean; readonly after: boolean };
}

/**
 * Units whose own source the fix changes get debug information with the one compilation: it costs a fifth of one, and those that only
 * include a changed header mostly stay the same.
 *
 * The after side's lines are told by names of {@link withPlaces}, which needs that the compiler sees each changed file under a name that
 * is known beforehand: the one and only spelling of a unit, below the source folder that the kernel's makefiles take off `__FILE__`.
 */
export function compiledText(
  kernel: Kernel,
  fix: Fix,
  units: readonly Unit[],
  sourceLines: boolean,
): CompiledText {
  const spelled = Map.groupBy(units, ({ source }) => source);
  const nameOf = (path: string) => {
    const names = new Set(spelled.get(path)?.map(spelledSource));
    return names.size === 1 ? [...names][0] : undefined;
  };
  const takesRoot = `-fmacro-prefix-map=${kernel.sourceDir}/=`;
  const isNamed =
    sourceLines &&
    fix.files.every(({ path, kind, after }) =>
      kind === 'source' ? after === undefined || nameOf(path) !== undefined : kind !== 'header',
    ) &&
    units.every(({ argv }) => argv.includes(takesRoot));
  const changed = new Set(fix.files.map(({ path }) => path));
  return {
    files: [
      ...fix.headers,
      ...fix.files.map(({ path, kind, after, compiled }) => ({
        path,
        text:
          isNamed && kind === 'source' && after !== undefined && compiled !== undefined
            ? withPlaces(compiled, after, nameOf(path) as string)
            : compiled,
      })),
    ],
    debugOf({ source }) {
      const before = sourceLines && changed.has(source);
      return { before, after: before && isNamed };
    },
  };
}
