import type { Finding } from '@klpkit/findings';
import type { Unchecked } from '@klpkit/pitfalls';
import type { Report } from '../report/index.ts';
import type { BuildStep } from './types.ts';

/**
 * Can the fix be livepatched?
 *
 * - `yes`: by the binary route, as it is;
 * - `with-decisions`: yes, and warnings ask for the author's eye;
 * - `refused`: something stands in the way;
 * - `nothing`: it changes nothing that this kernel runs.
 */
export type Verdict = 'yes' | 'with-decisions' | 'refused' | 'nothing';

/** A fix, judged before a module is made. */
export interface AssessedFix {
  readonly verdict: Verdict;
  /** Worst first. */
  readonly findings: readonly Finding[];
  /** Pitfalls that were not looked for, and what was missing. */
  readonly unchecked: readonly Unchecked[];
  /** What would be patched and why; absent when the judgement stopped before the comparison, or nothing changes. */
  readonly report: Report | undefined;
  readonly steps: readonly BuildStep[];
}

/** The verdict that findings add up to. */
export function verdictOf(findings: readonly Finding[], isNothing: boolean): Verdict {
  if (findings.some(({ severity }) => severity === 'error')) return 'refused';
  if (isNothing) return 'nothing';
  return findings.some(({ severity }) => severity === 'warning') ? 'with-decisions' : 'yes';
}
