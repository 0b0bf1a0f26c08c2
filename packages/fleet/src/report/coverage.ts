import { allFixes } from '../run.ts';
import { needsHuman } from '../states.ts';
import type { Cell } from '../types.ts';

/** What operations ask of one kernel. */
export interface Coverage {
  readonly kernel: string;
  readonly release: string;
  readonly coveredUntil?: string;
  /** Fixes that are in the livepatch of this kernel. */
  readonly live: readonly string[];
  /** Fixes that the kernel has already, or that do not concern it. */
  readonly notNeeded: readonly string[];
  /** Fixes that wait for a human, or that no livepatch can be made of. */
  readonly open: readonly Cell[];
  /** The livepatch of all good fixes, where there is one. */
  readonly livepatch?: Cell;
}

/** Cells whose change reads the same on several kernels: they are reviewed once, and proven each. */
export interface Group {
  readonly key: string;
  readonly fix: string;
  readonly cells: readonly Cell[];
  /** Functions that are replaced otherwise than in the group of this fix with most kernels; empty for that one. */
  readonly differs: readonly string[];
}

/** One line of the coverage per kernel, in the order of the cells. */
export function coverageOf(cells: readonly Cell[]): Coverage[] {
  const kernels = [...new Set(cells.map(({ kernel }) => kernel))];
  return kernels.map((kernel) => {
    const own = cells.filter((cell) => cell.kernel === kernel);
    const [first] = own;
    const fixes = own.filter(({ fix }) => fix !== allFixes);
    const livepatch = own.find(({ fix, artifact }) => fix === allFixes && artifact);
    const isLive = livepatch?.state === 'released';
    return {
      kernel,
      release: first?.release ?? '',
      ...(first?.coveredUntil ? { coveredUntil: first.coveredUntil } : {}),
      live: isLive
        ? fixes.filter(({ state }) => state === 'proven' || state === 'built').map(({ fix }) => fix)
        : [],
      notNeeded: fixes
        .filter(
          ({ state }) => state === 'fixed' || state === 'not-affected' || state === 'not-for-this-kernel',
        )
        .map(({ fix }) => fix),
      open: own.filter((cell) => needsHuman(cell) || cell.state === 'unpatchable'),
      ...(livepatch ? { livepatch } : {}),
    };
  });
}

/** Groups of cells of each fix; the one with most kernels first. */
export function groupsOf(cells: readonly Cell[]): Group[] {
  const fixes = [...new Set(cells.map(({ fix }) => fix))].filter((fix) => fix !== allFixes);
  return fixes.flatMap((fix) => {
    const byKey = new Map<string, Cell[]>();
    for (const cell of cells)
      if (cell.fix === fix && cell.group) byKey.set(cell.group, [...(byKey.get(cell.group) ?? []), cell]);
    const groups = [...byKey].sort(([a, one], [b, two]) => two.length - one.length || (a < b ? -1 : 1));
    const [most] = groups;
    return groups.map(([key, of]) => ({
      key,
      fix,
      cells: of,
      differs: most && key !== most[0] ? differing(most[1][0], of[0]) : [],
    }));
  });
}

function differing(base: Cell | undefined, other: Cell | undefined): string[] {
  const names = (cell: Cell | undefined) =>
    new Set(
      cell?.artifact?.objects.flatMap(({ name, functions }) =>
        functions.map((one) => (name === 'vmlinux' ? one : `${one} of ${name}`)),
      ),
    );
  const [a, b] = [names(base), names(other)];
  const only = [
    ...[...b].filter((name) => !a.has(name)).map((name) => `replaces ${name} besides`),
    ...[...a].filter((name) => !b.has(name)).map((name) => `does not replace ${name}`),
  ];
  return only.length > 0 ? only : ['replaces the same functions by other code'];
}
