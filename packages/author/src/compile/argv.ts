import type { Unit } from '@klpkit/kernel';
import type { Compilation } from './types.ts';

/** A path inside a text, with all that stands for the folder itself or something below it. */
function movePaths(text: string, from: string, to: string): string {
  let at = text.indexOf(from);
  if (at < 0) return text;
  let moved = '';
  let done = 0;
  for (; at >= 0; at = text.indexOf(from, at + from.length)) {
    const behind = text.charAt(at + from.length);
    // /src/linux-build is not below /src/linux.
    if (behind !== '' && !/[/=:"'\s]/.test(behind)) continue;
    moved += text.slice(done, at) + to;
    done = at + from.length;
  }
  return moved + text.slice(done);
}

/**
 * The types of the unit, for the comparison of layouts: BTF costs next to nothing and changes no code. gcc writes it since 12 (gcc's
 * manual, "Debugging Options", -gbtf); of other compilers the types are read from debug information.
 */
function types(compilerVersion: string, debug: boolean): string[] {
  const major = Number(/gcc.*\) (\d+)\./.exec(compilerVersion)?.[1] ?? 0);
  if (major >= 12) return ['-gbtf'];
  return debug ? [] : ['-g', '-gz=none'];
}

/**
 * Kbuild's arguments, changed only where the code stays the same (or, but for `exact`, falls into a section per function).
 *
 * @param root the tree or the view of it that is compiled, in the place of `sourceDir`
 * @param compilerVersion as `Kernel.compilerVersion`
 */
export function argumentsFor(
  unit: Unit,
  { side, debug = false }: Pick<Compilation, 'side' | 'debug'>,
  sourceDir: string,
  root: string,
  compilerVersion: string,
): string[] {
  const argv = unit.argv
    .filter((word) => !/^-g(dwarf.*|z.*|split-dwarf|\d)?$/.test(word))
    .map((word) => movePaths(word, sourceDir, root));
  return [
    ...(side === 'after' ? argv.filter((word) => word !== '-Werror') : argv),
    // Paths in the debug information are those of the tree, wherever the view of it was: the object may come from the cache.
    ...(debug ? ['-g', '-gz=none', `-fdebug-prefix-map=${root}/=`] : []),
    ...types(compilerVersion, debug),
    // -w also silences -Werror=implicit-function-declaration and the like: what was shipped is past that, a fix is not.
    ...(side === 'after' ? [] : ['-w']),
    ...(side === 'exact' ? [] : ['-ffunction-sections', '-fdata-sections']),
  ];
}
