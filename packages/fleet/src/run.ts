import { mapParallel } from '@klpkit/host';
import type { Kernel } from '@klpkit/kernel';
import { withNextKernel } from './advice.ts';
import type { KernelRow, MatrixState } from './database.ts';
import type { Engine } from './engine/types.ts';
import type { ReleasedLivepatch } from './history.ts';
import { imageDigest } from './image.ts';
import { canonical, jobKey } from './keys.ts';
import { knownResult } from './known.ts';
import { Plan, type PlannedCell, type PlannedKernel, type PlanSources } from './plan.ts';
import { withoutWithdrawn } from './standing.ts';
import { allFixes, cellOfBuild, cellOfMitigation, cellOfProof, isGood } from './states.ts';
import type { Store } from './store/index.ts';
import type { Cell, Job, JobInput, JobResult, MatrixFix, ProveJob } from './types.ts';

/** A kernel of the matrix, in the cache. */
export interface OpenedKernel {
  readonly kernel: Kernel;
  readonly coveredUntil?: string;
  /** Livepatches that may be in the field. */
  readonly shipped: readonly { readonly input: JobInput; readonly bytes: Uint8Array }[];
}

/** What a run is given. */
export interface MatrixRun extends PlanSources {
  readonly kernels: readonly OpenedKernel[];
  /** What was released before. */
  readonly released: readonly ReleasedLivepatch[];
  readonly store: Store;
  readonly engine: Engine;
  readonly state: MatrixState;
  /** Told of each cell that reaches an end. */
  readonly onCell?: (cell: Cell) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What a run gave: cells in the order of kernels and fixes, and how much of it was there before. */
export interface MatrixResult {
  readonly cells: readonly Cell[];
  readonly jobs: { readonly done: number; readonly kept: number };
}

/**
 * Takes every cell to an end. What an earlier run finished is read from the store and not done again; what failed for want of
 * something is tried again. One cell's failure stops no other.
 *
 * @throws the signal's reason when aborted; what was finished stays finished
 */
export async function runMatrix(request: MatrixRun): Promise<MatrixResult> {
  const run = new Run(request);
  const { matrix, state, asOf } = request;
  const fixes = [...matrix.fixes.map(({ id }) => id), ...(matrix.policy.cumulative ? [allFixes] : [])];
  const kernels = await Promise.all(request.kernels.map(plannedKernel));
  state.begin(kernels.map(headOf), fixes);
  // A kernel's cells begin in order; the engine takes as many jobs as it has places for.
  const cells = await mapParallel(
    kernels,
    kernels.length,
    (kernel, _, signal) => run.kernel(kernel, signal),
    request.signal,
  );
  return { cells: withNextKernel(cells.flat(), asOf), jobs: { done: run.done, kept: run.kept } };
}

async function plannedKernel({ kernel, coveredUntil, shipped }: OpenedKernel): Promise<PlannedKernel> {
  const { id, release, sourceVersion, vmlinuz } = kernel;
  return {
    id,
    release,
    ...(sourceVersion ? { sourceVersion } : {}),
    image: await imageDigest(vmlinuz),
    ...(coveredUntil ? { coveredUntil } : {}),
    shipped: shipped.map(({ input }) => input),
  };
}

function headOf({ id, release, sourceVersion, image }: PlannedKernel): KernelRow {
  return { id, release, ...(sourceVersion ? { sourceVersion } : {}), image };
}

class Run {
  done = 0;
  kept = 0;
  readonly #request: MatrixRun;
  readonly #plan: Plan;
  /** Livepatches in the field by their digest. */
  readonly #shipped: ReadonlyMap<string, Uint8Array>;
  /** Inputs that are in the store, or on their way; each is put once. */
  readonly #supplied = new Map<string, Promise<unknown>>();

  constructor(request: MatrixRun) {
    this.#request = request;
    this.#plan = new Plan(request);
    this.#shipped = new Map(
      request.kernels.flatMap(({ shipped }) => shipped.map(({ input, bytes }) => [input.digest, bytes])),
    );
  }

  async kernel(kernel: PlannedKernel, signal: AbortSignal): Promise<Cell[]> {
    const { matrix, engine } = this.#request;
    const cells = await mapParallel(
      matrix.fixes,
      engine.width,
      (fix, _, inner) => this.#fix(kernel, fix, inner),
      signal,
    );
    if (!matrix.policy.cumulative) return cells;
    return [...cells, await this.#release(kernel, cells, signal)];
  }

  async #fix(kernel: PlannedKernel, fix: MatrixFix, signal: AbortSignal): Promise<Cell> {
    const planned = this.#plan.fix(kernel, fix);
    if ('end' in planned) return this.#end(planned.end);
    const { prove } = this.#request.matrix.policy;
    const built = await this.#built(planned, signal);
    return this.#end(cellOfMitigation(await this.#proven(planned, built, signal), fix, prove));
  }

  /** The livepatch of all fixes that are good on this kernel. */
  async #release(kernel: PlannedKernel, cells: readonly Cell[], signal: AbortSignal): Promise<Cell> {
    const planned = this.#plan.release(kernel, cells);
    if ('end' in planned) return this.#end(planned.end);
    const { prove } = this.#request.matrix.policy;
    const built = together(await this.#built(planned, signal));
    const cell = await this.#proven(planned, built, signal);
    return this.#end(isGood(cell, prove) ? { ...cell, state: 'released' } : cell);
  }

  async #built({ head, job }: Exclude<PlannedCell, { end: Cell }>, signal: AbortSignal): Promise<Cell> {
    const result = await this.#do(head.kernel, head.fix, job, signal);
    return cellOfBuild(head, result, this.#request.matrix.policy.maxWarnings);
  }

  async #proven(
    { job: { kernel }, checks }: Exclude<PlannedCell, { end: Cell }>,
    cell: Cell,
    signal: AbortSignal,
  ): Promise<Cell> {
    const { artifact } = cell;
    if (cell.state !== 'built' || !artifact || !this.#request.matrix.policy.prove) return cell;
    const { scenarios } = this.#plan;
    const job: ProveJob = {
      kind: 'prove',
      kernel,
      module: { name: artifact.name, digest: artifact.digest },
      objects: artifact.objects,
      checks,
      ...(scenarios.length > 0 ? { scenarios } : {}),
    };
    return cellOfProof(cell, await this.#do(cell.kernel, cell.fix, job, signal));
  }

  /** Does a job unless its result is known. What failed is not known. */
  async #do(kernel: string, fix: string, job: Job, signal: AbortSignal): Promise<JobResult> {
    const { store, engine, state } = this.#request;
    const key = jobKey(job);
    const known = await knownResult(store, key);
    if (known) {
      this.kept++;
      return known;
    }
    signal.throwIfAborted();
    await this.#supply(job);
    state.enter(kernel, fix, job.kind);
    const result = await engine.run(key, job, signal);
    this.done++;
    // As it will be read by the next run, so that both say the same to the byte.
    const text = canonical(result);
    if (result.kind !== 'failed') await store.keep(key, text);
    return JSON.parse(text) as JobResult;
  }

  /** Puts the inputs of a job into the store; the module of a proof is there since it was built. */
  async #supply(job: Job): Promise<void> {
    const { store } = this.#request;
    const inputs = job.kind === 'prove' ? (job.scenarios ?? []) : [...job.patches, ...(job.shipped ?? [])];
    const put = ({ digest }: JobInput) => {
      const known =
        this.#supplied.get(digest) ?? store.put(this.#plan.text(digest) ?? this.#shipped.get(digest) ?? '');
      this.#supplied.set(digest, known);
      return known;
    };
    await Promise.all(inputs.map(put));
  }

  #end(cell: Cell): Cell {
    this.#request.state.write(cell);
    const judged = withoutWithdrawn(cell, this.#request.released);
    this.#request.onCell?.(judged);
    return judged;
  }
}

/** Fixes that are good alone and do not go together: what the build says of one of them holds for none. */
function together(cell: Cell): Cell {
  if (cell.state !== 'fixed' && cell.state !== 'not-affected') return cell;
  return {
    ...cell,
    state: 'does-not-apply',
    reason: `the fixes do not go together: ${cell.reason}`,
    next: 'make one patch of those that overlap, or take one of them out of this kernel by `releases`',
  };
}
