import type { Finding, Severity } from '@klpkit/findings';
import type { LivepatchEvidence, UnitEvidence } from './evidence.ts';

/** One pitfall of the catalogue: what it is, and how it is detected. Each has a folder `KLPnnn-name` with a page, cases and a test. */
export interface Pitfall {
  /** `KLP102`. Never used again for anything else. */
  readonly id: string;
  /** The folder's name behind the id: `inlined-selectively`. */
  readonly name: string;
  readonly title: string;
  /** That of the worst ordinary case. A finding may be milder: what the binary route takes care of by itself is a note. */
  readonly severity: Severity;
  /** What happens, in one sentence. */
  readonly statement: string;
  /** Compilers and kernels for which it was seen: `gcc-11, gcc-12, clang-14 to 19`, `Linux 6.1, 6.12`. */
  readonly seen: string;
  /** What an author should do, in one or two sentences. */
  readonly safeWay: string;
  /** Over each unit of a fix, before and after: `klpkit assess` and `klpkit build`. */
  readonly unit?: Rule<UnitEvidence, UnitNeed>;
  /** Over a finished module, whoever built it: `klpkit check`. */
  readonly livepatch?: Rule<LivepatchEvidence, LivepatchNeed>;
  /**
   * The steps of a build that report it themselves, because they cannot go on without knowing it. Their findings carry this
   * pitfall's id and reach {@link UnitEvidence.found} or {@link LivepatchEvidence.found}.
   */
  readonly foundBy?: readonly Step[];
  /** For a pitfall that no program can decide: why not, and what the author has to look at. */
  readonly review?: Review;
}

/** Rooms whose work finds a pitfall on its own. */
export type Step = 'read' | 'match' | 'compare' | 'extract' | 'finish' | 'rules' | 'prove';

/**
 * What a rule cannot do without, beside the objects or the module themselves. `dwarf` is missing only where the fix edits the unit's
 * own source; `configuration` is that of the kernel, which an image alone does not hold; `operands` are those of single instructions, which are read on x86-64 alone.
 */
export type UnitNeed =
  | 'placement'
  | 'ipa-clones'
  | 'dwarf'
  | 'edits'
  | 'types'
  | 'kernel'
  | 'configuration'
  | 'operands';
/** What a rule about a module cannot do without. */
export type LivepatchNeed =
  | 'tables'
  | 'kernel'
  | 'configuration'
  | 'code'
  | 'placement'
  | 'older'
  | 'operands';

/** A detector: a pure function of the evidence. It is not called while something that it needs is missing. */
export interface Rule<Evidence, Need extends string> {
  readonly needs: readonly Need[];
  find(evidence: Evidence): Iterable<Observation>;
}

/** A finding before it has its pitfall's number; `severity` is the pitfall's when absent. */
export type Observation = Omit<Finding, 'id' | 'severity'> & { readonly severity?: Severity };

/** Why there is no detector. */
export interface Review {
  /** Why no program can decide it. */
  readonly reason: string;
  /** What the author must look at. */
  readonly look: string;
}
