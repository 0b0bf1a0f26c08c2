import type { Severity } from '@klpkit/findings';

/**
 * One known way in which a livepatch fails, as data. `what` and `next` may name the pattern's groups: `{symbol}`.
 *
 * A fault is known by a line of the kernel's log (`pattern`), or, where the kernel says nothing, by the errno of a step.
 */
export interface Fault {
  readonly id: string;
  readonly severity: Severity;
  /** `KLPnnn`, where the catalogue of pitfalls has what is behind it. */
  readonly pitfall?: string;
  /** Matches one message of the kernel's log, without timestamp. */
  readonly pattern?: RegExp;
  /** What the load returns with it; without a pattern it is what the fault is known by. */
  readonly errno?: string;
  readonly what: string;
  readonly why?: string;
  readonly next: string;
}

/** What to do with a livepatch that was built for something else. */
export const rebuild = 'rebuild the livepatch for exactly this kernel';
