import { type Finding, Refusal } from '@klpkit/findings';
import { findUnits, type Kernel, type OnProgress, type Unit, unitKey, unitsIncluding } from '@klpkit/kernel';
import type { Fix } from '../fix/index.ts';
import { type Overrides, withOverrides } from './overrides.ts';

/** Which units a fix reaches. */
export interface ReachedUnits {
  readonly units: readonly Unit[];
  readonly findings: readonly Finding[];
}

/** Options of {@link reachedUnits}. */
export interface ReachOptions {
  /** Sources that the author restricts the livepatch to; empty for no restriction. */
  readonly only: readonly string[];
  /** Most units that a header may reach. */
  readonly most: number;
  readonly overrides: Overrides;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Rough CPU time of compiling one unit on both sides, in seconds: the average of 600 random units. */
const secondsPerUnit = 1;

/**
 * The units that are compiled for a fix: those of the touched sources, and those that include a touched header.
 *
 * @throws {Refusal} when nothing of the fix is built by this kernel, or a header reaches more units than `most`
 */
export async function reachedUnits(kernel: Kernel, fix: Fix, options: ReachOptions): Promise<ReachedUnits> {
  const { onProgress, signal } = options;
  const findings: Finding[] = [];
  const sources = fix.files.filter((file) => file.kind === 'source' && file.after !== undefined);
  const headers = fix.files.filter((file) => file.kind === 'header').map((file) => file.path);
  const found = await findUnits(
    kernel,
    sources.map((file) => file.path),
    { onProgress, signal },
  );
  for (const { source, reason } of found.missing)
    findings.push({
      id: 'not-built',
      severity: found.units.length > 0 ? 'note' : 'error',
      what: `${source} is not built into this kernel: ${reason}`,
      next: 'nothing has to be livepatched for this file',
      at: { file: source },
    });
  let units = [...found.units];
  if (headers.length > 0) {
    const restricted = options.only.length > 0;
    const reached = restricted
      ? undefined
      : await unitsIncluding(kernel, headers, { most: options.most, onProgress, signal });
    if (reached?.isTooMany) {
      const count = reached.count || reached.sources;
      findings.push({
        id: 'KLP103',
        severity: 'error',
        what: `${headers.join(', ')} ${headers.length > 1 ? 'reach' : 'reaches'} ${count} ${reached.count ? 'units of this kernel' : 'sources'}, more than ${options.most}`,
        why: `each must be compiled on both sides to see whether the change touches its code, about ${Math.ceil(count * secondsPerUnit)} CPU seconds`,
        next: `raise the limit with --max-units ${count}, or name the units that the fix is about with --unit`,
        at: { file: headers[0] as string },
      });
    } else if (reached) units.push(...reached.units);
    if (restricted)
      findings.push({
        id: 'header-outside-units',
        severity: 'error',
        what: `the change of ${headers.join(', ')} goes into the named units only`,
        why: 'every other unit that includes the header keeps its old content; where both meet (a structure, a protocol between functions) they may disagree',
        next: "when that is safe, say so: --override header-outside-units='why'; else leave --unit out",
        at: { file: headers[0] as string },
      });
  }
  if (options.only.length > 0) {
    const named = await findUnits(kernel, options.only, { onProgress, signal });
    for (const { source, reason } of named.missing)
      findings.push({
        id: 'not-built',
        severity: 'error',
        what: `${source} is not built into this kernel: ${reason}`,
        next: 'name a source that this kernel builds with --unit',
        at: { file: source },
      });
    units = [...named.units];
  }
  const judged = withOverrides(findings, options.overrides);
  if (judged.some((finding) => finding.severity === 'error')) throw new Refusal(judged);
  const unique = new Map(units.map((unit) => [unitKey(unit), unit]));
  return { units: [...unique.values()].sort((a, b) => (unitKey(a) < unitKey(b) ? -1 : 1)), findings: judged };
}
