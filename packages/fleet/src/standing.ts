import { isOfSeries } from '@klpkit/kernel';
import type { CellRow, KernelRow } from './database.ts';
import type { ReleasedLivepatch } from './history.ts';
import { Plan, type PlannedCell, type PlanSources } from './plan.ts';
import { allFixes } from './states.ts';
import type { Cell, JobInput, Matrix, MatrixKernel } from './types.ts';

/** What a report is made from: the matrix as it is now, and what the last run left. */
export interface StandingSources extends PlanSources {
  readonly kernels: readonly KernelRow[];
  readonly rows: readonly CellRow[];
  /** Livepatches that may be in the field, by kernel. */
  readonly shipped: (kernel: KernelRow) => readonly JobInput[];
}

/**
 * How the cells of a matrix stand: what the last run found out, where nothing has changed since; else stale. What follows from the
 * matrix alone (a fix that was withdrawn, a kernel whose coverage has ended) holds at once. In the order of kernels and fixes, the
 * livepatch of all fixes last of each kernel.
 */
export function standingCells(sources: StandingSources): Cell[] {
  const { matrix, rows } = sources;
  const plan = new Plan(sources);
  const rowOf = new Map(rows.map((row) => [`${row.kernel}\0${row.fix}`, row]));
  const placed = sources.kernels.flatMap((kernel) => {
    const entry = entryOf(matrix, kernel);
    return entry ? [{ kernel, entry, place: matrix.kernels.indexOf(entry) }] : [];
  });
  placed.sort((a, b) => a.place - b.place || (a.kernel.id < b.kernel.id ? -1 : 1));
  return placed.flatMap(({ kernel, entry }) => {
    const { coveredUntil } = entry;
    const planned = {
      ...kernel,
      ...(coveredUntil ? { coveredUntil } : {}),
      shipped: sources.shipped(kernel),
    };
    const cells = matrix.fixes.map((fix) =>
      standing(plan.fix(planned, fix), rowOf.get(`${kernel.id}\0${fix.id}`)),
    );
    if (!matrix.policy.cumulative) return cells;
    return [...cells, standing(plan.release(planned, cells), rowOf.get(`${kernel.id}\0${allFixes}`))];
  });
}

const again = 'run the matrix again';

function standing(planned: PlannedCell, row: CellRow | undefined): Cell {
  if ('end' in planned) return planned.end;
  const { head } = planned;
  if (row?.step)
    return {
      ...head,
      state: row.step === 'prove' ? 'proving' : 'building',
      reason: 'a run is at it, or was ended there',
      next: again,
      findings: [],
    };
  if (!row?.cell)
    return { ...head, state: 'unknown', reason: 'no run was there yet', next: again, findings: [] };
  const { coveredUntil: _, ...cell } = row.cell;
  if (cell.inputs === head.inputs) return { ...cell, ...head };
  return { ...cell, ...head, inputs: cell.inputs, isStale: true, next: again };
}

/** The entry of a matrix that a kernel is there for: its own, or that of its series. */
export function entryOf(
  { kernels }: Matrix,
  { id: kernel, release }: Pick<KernelRow, 'id' | 'release'>,
): MatrixKernel | undefined {
  const isSelected = ({ id, select }: MatrixKernel) =>
    select?.flavours.some((flavour) => isOfSeries(release, `${id}-${flavour}`.replace(/^debian:/, '')));
  return (
    kernels.find(({ id, select }) => !select && id === kernel) ??
    kernels.find(isSelected) ??
    kernels.find(({ id, select }) => !select && isOfSeries(release, id.replace(/^debian:/, ''))) ??
    // `debian:6.12.117` for the one release of that number.
    kernels.find(
      ({ id, select }) =>
        !select &&
        !/^debian:\d+\.\d+$/.test(id) &&
        kernel.startsWith(id) &&
        !/\d/.test(kernel.charAt(id.length)),
    )
  );
}

/** Entries of a matrix for which no run has seen a kernel, as they are written. */
export function unseenKernels(matrix: Matrix, kernels: readonly KernelRow[]): string[] {
  const seen = new Set(kernels.map((kernel) => entryOf(matrix, kernel)));
  return matrix.kernels.filter((entry) => !seen.has(entry)).map(({ id }) => id);
}

/** A livepatch of all fixes that is the same as one that was withdrawn must not get out again. */
export function withoutWithdrawn(cell: Cell, released: readonly ReleasedLivepatch[]): Cell {
  const withdrawn = released.find(
    ({ state, kernel, proven }) =>
      state === 'withdrawn' && kernel === cell.kernel && proven === cell.artifact?.digest,
  );
  if (cell.state !== 'released' || !withdrawn) return cell;
  return {
    ...cell,
    state: 'withdrawn',
    reason: `it is ${withdrawn.name} of ${withdrawn.version ?? withdrawn.folder} to the byte, ${withdrawn.reason ?? 'which is withdrawn'}`,
    next: 'withdraw the fix that is at fault, or give another patch for it',
  };
}
