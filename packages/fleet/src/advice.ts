import { compareDebianVersions } from '@klpkit/kernel';
import { allFixes, isOver } from './states.ts';
import type { Cell, CellState } from './types.ts';

/** States that leave a kernel without the fix, whatever a human may still do about them. */
const without = new Set<CellState>([
  'expired',
  'unpatchable',
  'unsupported',
  'withdrawn',
  'refused',
  'does-not-apply',
  'disproven',
]);

/**
 * Names a kernel to go to in every cell that leaves its own without the fix: a newer one of the matrix and of the same flavour that
 * is looked after.
 *
 * @param asOf today
 */
export function withNextKernel(cells: readonly Cell[], asOf: string): Cell[] {
  const kernels = onePerKernel(cells);
  const ofFix = Map.groupBy(cells, ({ fix }) => fix);
  return cells.map((cell) => {
    if (!without.has(cell.state)) return cell;
    const isExpired = cell.state === 'expired';
    const boot =
      withTheFix(ofFix.get(cell.fix) ?? [], cell, asOf) ??
      (isExpired ? laterKernel(kernels, cell, asOf) : undefined);
    if (boot) return { ...cell, next: cell.next ? `${cell.next}; or ${boot}` : boot };
    if (cell.next || cell.state === 'unsupported') return cell;
    return {
      ...cell,
      next: isExpired
        ? 'boot a kernel that is covered; this matrix has no later one that is'
        : 'boot a kernel that has the fix; this matrix has no later one that has it',
    };
  });
}

/** A cell of each kernel. */
export function onePerKernel(cells: readonly Cell[]): Cell[] {
  return [...new Map(cells.map((cell) => [cell.kernel, cell])).values()];
}

/**
 * `boot …`: the newest kernel after the cell's own that is looked after for longer; undefined where there is none.
 *
 * @param kernels a cell of each
 */
export function laterKernel(kernels: readonly Cell[], cell: Cell, asOf: string): string | undefined {
  const { coveredUntil = '' } = cell;
  const later = newest(kernels, cell, asOf, (other) => (other.coveredUntil ?? '9') > coveredUntil);
  return later && `boot ${later.kernel}, ${untilWords(later) ?? 'which is looked after'}`;
}

/** `boot …`: the newest kernel after the cell's own where its fix is in force; undefined where there is none. */
function withTheFix(ofFix: readonly Cell[], cell: Cell, asOf: string): string | undefined {
  if (cell.fix === allFixes) return undefined;
  const later = newest(ofFix, cell, asOf, ({ state }) => state === 'fixed' || state === 'proven');
  if (!later) return undefined;
  const why = later.state === 'fixed' ? 'which has the fix' : 'where a livepatch brings the fix';
  const until = untilWords(later);
  return `boot ${later.kernel}, ${why}${until ? `, and ${until}` : ''}`;
}

function untilWords({ coveredUntil }: Cell): string | undefined {
  return coveredUntil === undefined ? undefined : `which is covered until ${coveredUntil}`;
}

function newest(
  cells: readonly Cell[],
  cell: Cell,
  asOf: string,
  isGoal: (other: Cell) => boolean,
): Cell | undefined {
  return cells
    .filter((other) => isAfter(other, cell) && !isOver(other.coveredUntil, asOf) && isGoal(other))
    .sort((a, b) => compareDebianVersions(b.release, a.release))[0];
}

function isAfter(other: Cell, cell: Cell): boolean {
  return (
    flavourOf(other.release) === flavourOf(cell.release) &&
    compareDebianVersions(other.release, cell.release) > 0
  );
}

const version = /^\d+(?:\.\d+)*(?:-\d+)?(?:\+[A-Za-z]\w*)?/;

/** `amd64` of `6.12.117+deb12-amd64` and of `6.1.0-56-amd64`. */
function flavourOf(release: string): string {
  return release.replace(version, '').replace(/^-/, '');
}
