import type { ComparedUnit } from '@klpkit/author';
import type { Finding } from '@klpkit/findings';

/** What became of one fix; one line of the bench's JSON. */
export interface Outcome {
  /** The changed file. */
  readonly file: string;
  /** Where its code lives; `header`: in the units that include it; `none`: this configuration does not build it. */
  readonly kind: 'built-in' | 'module' | 'header' | 'none';
  /** `buildable`: judged, with nothing in the way, and no module made; `built`: to be proven. */
  readonly outcome: 'buildable' | 'built' | 'proven' | 'refused' | 'failed' | 'not-built';
  /**
   * For `refused` and `failed`: ids of findings with their words; for `proven`: what the proof could not show; for `not-built`: the
   * options that are off.
   */
  readonly reasons: readonly Reason[];
  /** Functions that the livepatch replaces, as `object:function`. */
  readonly functions: readonly string[];
  /** Changed files that came along. */
  readonly headers: readonly string[];
  /** What the comparison saw; absent when it was not reached. */
  readonly compared?: Compared;
  /** Why functions changed, as far as it is known. */
  readonly why: readonly Why[];
  /** What the second opinion says otherwise; empty when it agrees, absent when it was not asked. */
  readonly second?: readonly string[];
  /** Name of the livepatch, whose `.ko` is kept under it. */
  readonly livepatch?: string;
  /** Wall seconds of the build, and of this livepatch's part of the proof by the guest's clock. */
  readonly seconds: { readonly build: number; readonly proof?: number };
}

/** One finding, short. */
export interface Reason {
  readonly id: string;
  readonly what: string;
}

/** Why one function changed. */
export interface Why {
  readonly function: string;
  readonly status: 'changed' | 'new' | 'removed';
  /** Kind of reason: of the report (`edited`, `inlined` …), or of the first difference when no report was made. */
  readonly kind: string;
  readonly text: string;
}

/** Counts over the units of one fix. */
export interface Compared {
  /** Units that were compiled on both sides, and how many of them came out as the same bytes. */
  readonly units: number;
  readonly identical: number;
  /** Functions of the units that differ. */
  readonly functions: number;
  /** Those of them that are the shipped code. */
  readonly matched: number;
  readonly changed: number;
  readonly new: number;
  readonly removed: number;
  /** Variables, constants and registrations that change. */
  readonly data: number;
}

/** Adds a unit to the counts. */
export function countUnit(sum: Compared, { judged }: ComparedUnit): Compared {
  if (!judged) return { ...sum, units: sum.units + 1, identical: sum.identical + 1 };
  const { functions, data } = judged.comparison;
  const count = (status: string) => functions.filter((change) => change.status === status).length;
  return {
    units: sum.units + 1,
    identical: sum.identical,
    functions: sum.functions + judged.match.functions.length,
    matched: sum.matched + judged.match.functions.length - judged.match.counts.different,
    changed: sum.changed + count('changed'),
    new: sum.new + count('new'),
    removed: sum.removed + count('removed'),
    data: sum.data + data.length,
  };
}

/** No units yet. */
export const nothingCompared: Compared = {
  units: 0,
  identical: 0,
  functions: 0,
  matched: 0,
  changed: 0,
  new: 0,
  removed: 0,
  data: 0,
};

/** The errors among findings. */
export function reasonsOf(findings: readonly Finding[]): Reason[] {
  return findings.filter((finding) => finding.severity === 'error').map(({ id, what }) => ({ id, what }));
}

/** Whatever else ends a build: a defect. */
export function defect(error: unknown): Reason {
  return { id: 'defect', what: String((error as Error).stack ?? error) };
}
