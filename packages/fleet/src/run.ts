import { mapParallel, sha256Hex } from '@klpkit/host';
import type { Kernel } from '@klpkit/kernel';
import type { MatrixState } from './database.ts';
import type { Engine } from './engine/types.ts';
import { imageDigest } from './image.ts';
import { canonical, inputsKey, jobKey } from './keys.ts';
import { knownResult } from './known.ts';
import { type CellHead, cellOfBuild, cellOfProof, cellWithoutJob, isGood } from './states.ts';
import type { Store } from './store/index.ts';
import type {
  BuildJob,
  Cell,
  Job,
  JobInput,
  JobKernel,
  JobResult,
  Matrix,
  MatrixCheck,
  MatrixFix,
  ProveJob,
} from './types.ts';

/** Name of the livepatch of all good fixes, in place of a fix. */
export const allFixes = '*';

/** A kernel of the matrix, in the cache. */
export interface OpenedKernel {
  readonly kernel: Kernel;
  readonly coveredUntil?: string;
  /** Bytes of the livepatch in the field. */
  readonly shipped?: { readonly name: string; readonly bytes: Uint8Array };
}

/** What a run is given. */
export interface MatrixRun {
  readonly matrix: Matrix;
  readonly kernels: readonly OpenedKernel[];
  /** Texts of the patches by their path in the matrix. */
  readonly patches: ReadonlyMap<string, string>;
  /** Texts of the scenarios of the policy, by what it calls them. */
  readonly scenarios: ReadonlyMap<string, string>;
  readonly store: Store;
  readonly engine: Engine;
  readonly state: MatrixState;
  /** Told of each cell that reaches an end, and of each job that is done or was done before. */
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
  const { kernels, matrix, state } = request;
  const fixes = [...matrix.fixes.map(({ id }) => id), ...(matrix.policy.cumulative ? [allFixes] : [])];
  state.begin(kernels.flatMap(({ kernel }) => fixes.map((fix) => ({ kernel: kernel.id, fix }))));
  // A kernel's cells begin in order; the engine takes as many jobs as it has places for.
  const cells = await mapParallel(
    kernels,
    kernels.length,
    (one, _, signal) => run.kernel(one, signal),
    request.signal,
  );
  return { cells: cells.flat(), jobs: { done: run.done, kept: run.kept } };
}

class Run {
  done = 0;
  kept = 0;
  readonly #request: MatrixRun;
  /** Inputs of jobs by their digest: texts of patches, livepatches in the field. */
  readonly #inputs = new Map<string, string | Uint8Array>();
  /** Those that are in the store, or on their way; each is put once. */
  readonly #supplied = new Map<string, Promise<unknown>>();

  constructor(request: MatrixRun) {
    this.#request = request;
  }

  async kernel(opened: OpenedKernel, signal: AbortSignal): Promise<Cell[]> {
    const { matrix } = this.#request;
    const { kernel } = opened;
    const image: JobKernel = { id: kernel.id, image: await imageDigest(kernel.vmlinuz) };
    const cells = await mapParallel(
      matrix.fixes,
      this.#request.engine.width,
      (fix, _, inner) => this.#cell(opened, image, fix, inner),
      signal,
    );
    if (!matrix.policy.cumulative) return cells;
    return [...cells, await this.#release(opened, image, cells, signal)];
  }

  async #cell(opened: OpenedKernel, image: JobKernel, fix: MatrixFix, signal: AbortSignal): Promise<Cell> {
    const { kernel } = opened;
    const head = (job: unknown): CellHead => ({
      ...identity(opened),
      fix: fix.id,
      cves: fix.cves,
      inputs: inputsKey(job),
    });
    const without = cellWithoutJob(head({ kernel: image, fix }), fix);
    if (without) return this.#end(without);
    const job: BuildJob = {
      kind: 'build',
      kernel: image,
      name: moduleName(fix.id),
      patches: this.#patchesOf(fix, kernel),
      overrides: fix.overrides,
      ...this.#building(),
    };
    const { policy } = this.#request.matrix;
    const built = cellOfBuild(
      head({ job, checks: fix.checks, policy, scenarios: this.#scenarios() }),
      await this.#do(kernel.id, fix.id, job, signal),
      policy.maxWarnings,
    );
    return this.#end(await this.#proven(image, built, fix.checks, signal));
  }

  /** The livepatch of all fixes that are good on this kernel. */
  async #release(
    opened: OpenedKernel,
    image: JobKernel,
    cells: readonly Cell[],
    signal: AbortSignal,
  ): Promise<Cell> {
    const { matrix } = this.#request;
    const { kernel, shipped } = opened;
    const good = matrix.fixes.filter((_, index) => {
      const cell = cells[index];
      return cell && isGood(cell, matrix.policy.prove);
    });
    const base = {
      ...identity(opened),
      fix: allFixes,
      cves: [...new Set(good.flatMap(({ cves }) => cves))].sort(),
    };
    if (good.length === 0)
      return this.#end({
        ...base,
        inputs: inputsKey({ kernel: image, good: [] }),
        state: 'not-affected',
        reason: 'no fix has a livepatch for this kernel',
        findings: [],
      });
    const patches = good.flatMap((fix) => this.#patchesOf(fix, kernel));
    const job: BuildJob = {
      kind: 'build',
      kernel: image,
      name: moduleName(matrix.name),
      patches,
      overrides: Object.assign({}, ...good.map(({ overrides }) => overrides)) as Record<string, string>,
      ...this.#building(),
      ...(shipped ? { shipped: this.#input(shipped.name, shipped.bytes) } : {}),
    };
    const checks = good.flatMap((fix) => fix.checks);
    const inputs = inputsKey({ job, checks, policy: matrix.policy, scenarios: this.#scenarios() });
    const head: CellHead = { ...base, inputs };
    const result = await this.#do(kernel.id, allFixes, job, signal);
    const built = together(cellOfBuild(head, result, matrix.policy.maxWarnings));
    const cell = await this.#proven(image, built, checks, signal);
    return this.#end(isGood(cell, matrix.policy.prove) ? { ...cell, state: 'released' } : cell);
  }

  async #proven(
    image: JobKernel,
    cell: Cell,
    checks: readonly MatrixCheck[],
    signal: AbortSignal,
  ): Promise<Cell> {
    const { artifact } = cell;
    if (cell.state !== 'built' || !artifact || !this.#request.matrix.policy.prove) return cell;
    const job: ProveJob = {
      kind: 'prove',
      kernel: image,
      module: { name: artifact.name, digest: artifact.digest },
      objects: artifact.objects,
      checks,
      ...(this.#scenarios().length > 0 ? { scenarios: this.#scenarios() } : {}),
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
    const inputs =
      job.kind === 'prove' ? (job.scenarios ?? []) : [...job.patches, ...(job.shipped ? [job.shipped] : [])];
    const put = ({ digest }: JobInput) => {
      const known = this.#supplied.get(digest) ?? store.put(this.#inputs.get(digest) ?? '');
      this.#supplied.set(digest, known);
      return known;
    };
    await Promise.all(inputs.map(put));
  }

  #scenarios(): JobInput[] {
    return [...this.#request.scenarios].map(([name, text]) => this.#input(name.replace(/^.*\//, ''), text));
  }

  #input(name: string, bytes: string | Uint8Array): JobInput {
    const digest = sha256Hex(bytes);
    this.#inputs.set(digest, bytes);
    return { name, digest };
  }

  #patchesOf(fix: MatrixFix, kernel: Kernel): JobInput[] {
    const paths =
      fix.backports.find(({ release }) => kernel.release.startsWith(release))?.patches ?? fix.patches;
    return paths.map((path) => this.#input(path.replace(/^.*\//, ''), this.#request.patches.get(path) ?? ''));
  }

  /** What the policy says of builds, as far as it is not the default. */
  #building(): Pick<BuildJob, 'maxUnits' | 'route'> {
    const { maxUnits, route } = this.#request.matrix.policy;
    return { ...(maxUnits ? { maxUnits } : {}), ...(route === 'binary' ? {} : { route }) };
  }

  #end(cell: Cell): Cell {
    this.#request.state.write(cell);
    this.#request.onCell?.(cell);
    return cell;
  }
}

/** What a cell says of its kernel. */
function identity({ kernel, coveredUntil }: OpenedKernel) {
  const { id, release, sourceVersion } = kernel;
  return {
    kernel: id,
    release,
    ...(sourceVersion ? { sourceVersion } : {}),
    ...(coveredUntil ? { coveredUntil } : {}),
  };
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

/** `livepatch_web_1` for `web-1`. */
function moduleName(id: string): string {
  return `livepatch_${id.replaceAll('-', '_')}`;
}
