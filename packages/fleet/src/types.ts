import type { Finding } from '@klpkit/findings';

/** A command that shows a fix, and what it must say when. Texts are those of `klpkit prove`: a line, or `/regex/`. */
export interface MatrixCheck {
  readonly run: string;
  readonly before?: string;
  readonly patched?: string;
  readonly reverted?: string;
}

/** A kernel of the matrix as it was written. */
export interface MatrixKernel {
  /** `debian:6.12.117+deb12-amd64`, or a series, `debian:6.12`, which the newest of it stands for. */
  readonly id: string;
  /** Day until which it is looked after, `2027-06-30`. */
  readonly coveredUntil?: string;
  /** The livepatch that is in the field for it, relative to the matrix. */
  readonly shipped?: string;
  /** Stands for several kernels of the cache; `id` is then their series. */
  readonly select?: KernelSelection;
}

/** Kernels of a series, as far as they are in the cache. */
export interface KernelSelection {
  /** `amd64`, `cloud-amd64`, `rt-amd64`; one at least. */
  readonly flavours: readonly string[];
  /** So many of each flavour, the newest ones; absent: all. */
  readonly newest?: number;
}

/** Who took something back, and why. */
export interface Withdrawal {
  readonly by: string;
  readonly reason: string;
}

/** A release that is in the field, as it was written. */
export interface MatrixRelease {
  /** Folder that `klpkit matrix report --release` wrote, relative to the matrix. */
  readonly folder: string;
  /** Its livepatches must not be loaded any more. */
  readonly withdrawn?: Withdrawal;
}

/** A fix of the matrix as it was written. */
export interface MatrixFix {
  /** Own name, `[a-z0-9][a-z0-9-]*`; the key of the fix, since neither a CVE nor a commit is one. */
  readonly id: string;
  readonly title?: string;
  /** May be empty. */
  readonly cves: readonly string[];
  /** Patches in their order, relative to the matrix. */
  readonly patches: readonly string[];
  /** Other patches for kernels whose release begins so, number for number: `6.1` is not 6.12. */
  readonly backports: readonly { readonly release: string; readonly patches: readonly string[] }[];
  /** Beginnings of the releases that it is for; empty: all. */
  readonly releases: readonly string[];
  /** Findings that the author answers for: id and reason. */
  readonly overrides: Readonly<Record<string, string>>;
  readonly checks: readonly MatrixCheck[];
  /** Why no livepatch can be made of it, and what has the fix instead. */
  readonly unpatchable?: string;
  /** What its livepatch does instead of mending: it helps until the fix is there, and never counts as one. */
  readonly mitigation?: string;
  /** It goes into no livepatch any more, and livepatches that have it are withdrawn. */
  readonly withdrawn?: Withdrawal;
}

/** How livepatches are made: cut out of the compiled units, or compiled from C that is written for them. */
export type Route = 'binary' | 'source';

/** What is done with every cell. */
export interface MatrixPolicy {
  /** Default `binary`. */
  readonly route: Route;
  /** Prove what was built; default true. */
  readonly prove: boolean;
  /** Make one livepatch of all good fixes for each kernel; default true. */
  readonly cumulative: boolean;
  /** Most warnings of a build that pass without a human; absent: any. */
  readonly maxWarnings?: number;
  /** Most units that a header may reach. */
  readonly maxUnits?: number;
  /** Scenarios that each proven livepatch is taken through: names of those that klpkit brings, or files relative to the matrix. */
  readonly scenarios: readonly string[];
  /** Modules that nobody looks after; a fix of nothing else is not made. `vmlinux` is not among them. */
  readonly unsupported: readonly string[];
  /** So many days before a kernel's `coveredUntil` its end is told; default 30. */
  readonly warnDays: number;
}

/** A matrix file as it was read. Paths are relative to its folder and stay inside it. */
export interface Matrix {
  readonly name: string;
  readonly kernels: readonly MatrixKernel[];
  readonly fixes: readonly MatrixFix[];
  /** What was released before, the oldest first. */
  readonly released: readonly MatrixRelease[];
  readonly policy: MatrixPolicy;
}

/**
 * States of a cell. `failed` means that we could not find out; `refused` that we did. A cell whose job runs is `building` or
 * `proving`; whether the fix is in already, applies, and can be livepatched is found out within the build.
 */
export const cellStates = [
  'unknown',
  'building',
  'proving',
  'fixed',
  'not-affected',
  'not-for-this-kernel',
  'unsupported',
  'expired',
  'does-not-apply',
  'refused',
  'unpatchable',
  'failed',
  'built',
  'disproven',
  'proven',
  'mitigated',
  'released',
  'withdrawn',
] as const;

/** See {@link cellStates}. */
export type CellState = (typeof cellStates)[number];

/** What became of one fix on one kernel, or of all good fixes together. A pure function of its inputs: no times, no paths. */
export interface Cell {
  readonly kernel: string;
  readonly release: string;
  /** Version of the distribution's source package; absent for a kernel that the user built. */
  readonly sourceVersion?: string;
  readonly coveredUntil?: string;
  /** The fix; `*` for the livepatch of all good fixes. */
  readonly fix: string;
  readonly cves: readonly string[];
  readonly state: CellState;
  /** Why it is in this state, in a sentence. */
  readonly reason: string;
  /** What to do next; absent where nothing is to be done. */
  readonly next?: string;
  readonly findings: readonly Finding[];
  /** Digest of everything that the state was derived from. */
  readonly inputs: string;
  /** In a report: the matrix, a patch or klpkit is another than the state was derived from. */
  readonly isStale?: true;
  readonly artifact?: Artifact;
  /** Key of cells that were changed in the same way; see `changeKey`. */
  readonly group?: string;
  readonly proof?: { readonly verdict: 'proven' | 'failed'; readonly digest: string };
}

/** A livepatch in the store. */
export interface Artifact {
  readonly name: string;
  /** SHA-256 of the module in the store. */
  readonly digest: string;
  readonly size: number;
  /** SHA-256 of its report, JSON. */
  readonly report: string;
  /** SHA-256 of the report as a page to read. */
  readonly page: string;
  readonly objects: readonly { readonly name: string; readonly functions: readonly string[] }[];
}

/** Part of what a job is given: bytes that are in the store. */
export interface JobInput {
  readonly name: string;
  /** SHA-256. */
  readonly digest: string;
}

/** The kernel of a job. A worker that has another of that name declines. */
export interface JobKernel {
  readonly id: string;
  /** SHA-256 of the shipped image. */
  readonly image: string;
}

/** Builds a livepatch of fixes, and judges it. */
export interface BuildJob {
  readonly kind: 'build';
  readonly kernel: JobKernel;
  /** Name of the module. */
  readonly name: string;
  /** Patches in their order. */
  readonly patches: readonly JobInput[];
  readonly overrides: Readonly<Record<string, string>>;
  readonly maxUnits?: number;
  /** Absent: `binary`. */
  readonly route?: Route;
  /** Livepatches that may be in the field; the new one must be able to follow each. */
  readonly shipped?: readonly JobInput[];
  /** Modules that nobody looks after. */
  readonly unsupported?: readonly string[];
}

/** Proves a livepatch. */
export interface ProveJob {
  readonly kind: 'prove';
  readonly kernel: JobKernel;
  readonly module: JobInput;
  readonly objects: readonly { readonly name: string; readonly functions: readonly string[] }[];
  readonly checks: readonly MatrixCheck[];
  /** Scenarios of one module, which this livepatch is. */
  readonly scenarios?: readonly JobInput[];
}

/** A unit of work, named by the digest of its content; it can be done by any worker that has the kernel. */
export type Job = BuildJob | ProveJob;

/** What a job gave. Only what another try cannot change is kept in the store. */
export type JobResult =
  | {
      readonly kind: 'build';
      readonly outcome: 'built';
      readonly artifact: Artifact;
      readonly group: string;
      readonly findings: readonly Finding[];
    }
  | {
      readonly kind: 'build';
      readonly outcome: 'fixed' | 'not-affected' | 'unsupported' | 'does-not-apply' | 'refused';
      readonly findings: readonly Finding[];
    }
  | {
      readonly kind: 'prove';
      readonly outcome: 'proven' | 'disproven';
      readonly findings: readonly Finding[];
      /** SHA-256 of the proof, JSON. */
      readonly proof: string;
    }
  | JobFailure;

/** We could not find out. `environment` and `resource` may be tried again; `input` and `defect` may not. */
export interface JobFailure {
  readonly kind: 'failed';
  readonly class: 'environment' | 'resource' | 'input' | 'defect';
  readonly message: string;
  readonly next?: string;
}

/** Version of jobs, results and cells; a worker takes jobs of its own only. */
export const jobFormat = 1;
