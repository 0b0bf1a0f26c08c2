import { laterKernel, onePerKernel } from '../advice.ts';
import type { ReleasedLivepatch } from '../history.ts';
import { allFixes, isOver, needsHuman } from '../states.ts';
import type { Cell, CellState } from '../types.ts';

/** What a report knows besides the cells. */
export interface ReportFacts {
  /** Today, `2026-11-30`. */
  readonly asOf: string;
  /** So many days ahead the end of a kernel's coverage is told. */
  readonly warnDays: number;
  /** What was released before. */
  readonly released: readonly ReleasedLivepatch[];
}

/** Whether a kernel is looked after: `ending` is soon over, `unknown` where no day is said. */
export const coverageStates = ['covered', 'ending', 'ended', 'unknown'] as const;

/** What operations ask of one kernel. */
export interface Coverage {
  readonly kernel: string;
  readonly release: string;
  readonly coverage: (typeof coverageStates)[number];
  readonly coveredUntil?: string;
  /** Days that are left of a coverage that is ending; 0 on the last one. */
  readonly daysLeft?: number;
  /** What to do about a coverage that is ending or has ended. */
  readonly next?: string;
  /** Fixes that are in the livepatch of this kernel. */
  readonly live: readonly string[];
  /** Fixes that the livepatch has a mitigation for, which mends nothing. */
  readonly mitigated: readonly string[];
  /** Fixes that the kernel has already, or that do not concern it. */
  readonly notNeeded: readonly string[];
  /** What waits for a human, and what this kernel stays without. */
  readonly open: readonly Cell[];
  /** The livepatch of all good fixes, where there is one. */
  readonly livepatch?: Cell;
  /** What was released for it before, the oldest first. */
  readonly released: readonly ReleasedLivepatch[];
}

/** States of fixes that a kernel stays without, though nobody is waited for. */
const staysWithout = new Set<CellState>(['unpatchable', 'unsupported', 'withdrawn', 'mitigated']);

/** Cells whose change reads the same on several kernels: they are reviewed once, and proven each. */
export interface Group {
  readonly key: string;
  readonly fix: string;
  readonly cells: readonly Cell[];
  /** Functions that are replaced otherwise than in the group of this fix with most kernels; empty for that one. */
  readonly differs: readonly string[];
}

/** One line of the coverage per kernel, in the order of the cells. */
export function coverageOf(cells: readonly Cell[], facts: ReportFacts): Coverage[] {
  const kernels = onePerKernel(cells);
  return kernels.map(({ kernel }) => {
    const own = cells.filter((cell) => cell.kernel === kernel);
    const [first] = own;
    const fixes = own.filter(({ fix }) => fix !== allFixes);
    const livepatch = own.find(({ fix, artifact }) => fix === allFixes && artifact);
    const isLive = livepatch?.state === 'released' && !livepatch.isStale;
    const inLivepatch = (...states: CellState[]) =>
      isLive ? fixes.filter(({ state }) => states.includes(state)).map(({ fix }) => fix) : [];
    return {
      kernel,
      release: first?.release ?? '',
      ...(first ? coverageStateOf(kernels, first, facts) : { coverage: 'unknown' as const }),
      live: inLivepatch('proven', 'built'),
      mitigated: inLivepatch('mitigated'),
      notNeeded: fixes
        .filter(
          ({ state }) => state === 'fixed' || state === 'not-affected' || state === 'not-for-this-kernel',
        )
        .map(({ fix }) => fix),
      open: own.filter((cell) => needsHuman(cell) || staysWithout.has(cell.state)),
      ...(livepatch ? { livepatch } : {}),
      released: facts.released.filter((one) => one.kernel === kernel),
    };
  });
}

const dayMs = 24 * 60 * 60 * 1000;

function coverageStateOf(
  kernels: readonly Cell[],
  first: Cell,
  { asOf, warnDays }: ReportFacts,
): Pick<Coverage, 'coverage' | 'coveredUntil' | 'daysLeft' | 'next'> {
  const { coveredUntil } = first;
  if (coveredUntil === undefined) return { coverage: 'unknown' };
  const daysLeft = Math.round((Date.parse(coveredUntil) - Date.parse(asOf)) / dayMs);
  if (daysLeft > warnDays) return { coverage: 'covered', coveredUntil };
  const next =
    laterKernel(kernels, first, asOf) ?? 'add a kernel that is covered for longer to the matrix, and boot it';
  return isOver(coveredUntil, asOf)
    ? { coverage: 'ended', coveredUntil, next }
    : { coverage: 'ending', coveredUntil, daysLeft, next };
}

/** The coverage of a kernel in words; empty where nothing is said of it. */
export function coverageWords({ coverage, coveredUntil, daysLeft }: Coverage): string {
  if (coverage === 'unknown') return '';
  if (coverage === 'ended') return `coverage ended on ${coveredUntil}`;
  const left = daysLeft === 0 ? 'its last day' : `${daysLeft} ${daysLeft === 1 ? 'day' : 'days'} left`;
  return `covered until ${coveredUntil}${coverage === 'ending' ? `, ${left}` : ''}`;
}

/** A livepatch that was released before, in words. */
export function releasedWords({ name, folder, version, notice, reason }: ReleasedLivepatch): string {
  const of = [version ?? folder, ...(notice === undefined ? [] : [notice])].join(', ');
  return `${name} of ${of}${reason === undefined ? '' : `: ${reason}`}`;
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
