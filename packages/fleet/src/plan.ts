import { sha256Hex } from '@klpkit/host';
import { inputOf } from './history.ts';
import { inputsKey } from './keys.ts';
import {
  allFixes,
  beginsWith,
  type CellHead,
  cellWithoutJob,
  end,
  expired,
  isGood,
  isOver,
} from './states.ts';
import type {
  BuildJob,
  Cell,
  JobInput,
  JobKernel,
  Matrix,
  MatrixCheck,
  MatrixFix,
  MatrixPolicy,
} from './types.ts';

/** What a plan needs to know of a kernel; the kernel itself need not be there. */
export interface PlannedKernel {
  readonly id: string;
  readonly release: string;
  readonly sourceVersion?: string;
  /** SHA-256 of the shipped image. */
  readonly image: string;
  /** Day until which it is looked after. */
  readonly coveredUntil?: string;
  /** Livepatches that may be in the field. */
  readonly shipped: readonly JobInput[];
}

/** What a plan is made from. */
export interface PlanSources {
  readonly matrix: Matrix;
  /** Texts of the patches by their path in the matrix. */
  readonly patches: ReadonlyMap<string, string>;
  /** Texts of the scenarios of the policy, by what it calls them. */
  readonly scenarios: ReadonlyMap<string, string>;
  /** Today, `2026-11-30`. */
  readonly asOf: string;
}

/** How a cell comes to its end: it is there at once, or a build is needed first. */
export type PlannedCell =
  | { readonly end: Cell }
  | { readonly head: CellHead; readonly job: BuildJob; readonly checks: readonly MatrixCheck[] };

/** What is to be done for each cell of a matrix, and what its result depends on. Does nothing itself. */
export class Plan {
  readonly scenarios: readonly JobInput[];
  readonly #sources: PlanSources;
  readonly #texts = new Map<string, string>();
  readonly #digests = new Map<string, string>();

  constructor(sources: PlanSources) {
    this.#sources = sources;
    this.scenarios = [...sources.scenarios].map(([name, text]) => this.#input(name, text));
  }

  /** The patch or scenario with this digest. */
  text(digest: string): string | undefined {
    return this.#texts.get(digest);
  }

  /** The cell of one fix. */
  fix(kernel: PlannedKernel, fix: MatrixFix): PlannedCell {
    const { matrix, asOf } = this.#sources;
    const head = (inputs: unknown): CellHead => ({
      ...identity(kernel),
      fix: fix.id,
      cves: fix.cves,
      inputs: inputsKey(inputs),
    });
    const alone = cellWithoutJob(head({ kernel: jobKernel(kernel), fix }), fix, asOf);
    if (alone) return { end: alone };
    const job: BuildJob = {
      kind: 'build',
      kernel: jobKernel(kernel),
      name: moduleName(fix.id),
      patches: this.#patchesOf(fix, kernel.release),
      overrides: fix.overrides,
      ...this.#building(),
    };
    const { mitigation, checks } = fix;
    return {
      head: head({ job, checks, policy: rulesOf(matrix), scenarios: this.scenarios, mitigation }),
      job,
      checks,
    };
  }

  /** The livepatch of all fixes that are good on this kernel. @param cells of its fixes, in their order */
  release(kernel: PlannedKernel, cells: readonly Cell[]): PlannedCell {
    const { matrix, asOf } = this.#sources;
    const { policy } = matrix;
    const good = matrix.fixes.filter((_, index) => {
      const cell = cells[index];
      return cell && isGood(cell, policy.prove);
    });
    const base = {
      ...identity(kernel),
      fix: allFixes,
      // A mitigation mends nothing.
      cves: [
        ...new Set(good.flatMap(({ cves, mitigation }) => (mitigation === undefined ? cves : []))),
      ].sort(),
    };
    const head = (inputs: unknown): CellHead => ({ ...base, inputs: inputsKey(inputs) });
    const none = () => head({ kernel: jobKernel(kernel), good: [] });
    if (isOver(kernel.coveredUntil, asOf)) return { end: expired(none()) };
    if (good.length === 0)
      return { end: end(none(), 'not-affected', 'no fix has a livepatch for this kernel') };
    const job: BuildJob = {
      kind: 'build',
      kernel: jobKernel(kernel),
      name: moduleName(matrix.name),
      patches: good.flatMap((fix) => this.#patchesOf(fix, kernel.release)),
      overrides: Object.assign({}, ...good.map(({ overrides }) => overrides)) as Record<string, string>,
      ...this.#building(),
      ...(kernel.shipped.length > 0 ? { shipped: kernel.shipped } : {}),
    };
    const checks = good.flatMap((fix) => fix.checks);
    const inputs = { job, checks, policy: rulesOf(matrix), scenarios: this.scenarios };
    return { head: head(inputs), job, checks };
  }

  #patchesOf(fix: MatrixFix, release: string): JobInput[] {
    const paths = fix.backports.find((one) => beginsWith(release, one.release))?.patches ?? fix.patches;
    return paths.map((path) => this.#input(path, this.#sources.patches.get(path) ?? ''));
  }

  /** What the policy says of builds, as far as it is not the default. */
  #building(): Pick<BuildJob, 'maxUnits' | 'route' | 'unsupported'> {
    const { maxUnits, route, unsupported } = this.#sources.matrix.policy;
    return {
      ...(maxUnits ? { maxUnits } : {}),
      ...(route === 'binary' ? {} : { route }),
      ...(unsupported.length > 0 ? { unsupported } : {}),
    };
  }

  #input(path: string, text: string): JobInput {
    const digest = this.#digests.get(text) ?? sha256Hex(text);
    this.#digests.set(text, digest);
    this.#texts.set(digest, text);
    return inputOf(path, digest);
  }
}

/** The policy without what only a report asks of it. */
function rulesOf({ policy: { warnDays: _, ...rules } }: Matrix): Omit<MatrixPolicy, 'warnDays'> {
  return rules;
}

function jobKernel({ id, image }: PlannedKernel): JobKernel {
  return { id, image };
}

/** What a cell says of its kernel. */
function identity({ id, release, sourceVersion, coveredUntil }: PlannedKernel) {
  return {
    kernel: id,
    release,
    ...(sourceVersion ? { sourceVersion } : {}),
    ...(coveredUntil ? { coveredUntil } : {}),
  };
}

/** `livepatch_web_1` for `web-1`. */
function moduleName(id: string): string {
  return `livepatch_${id.replaceAll('-', '_')}`;
}
