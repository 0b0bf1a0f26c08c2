import { join } from 'node:path';
import { type Finding, Refusal } from '@klpkit/findings';
import { inTemporaryFolder } from '@klpkit/host';
import { findUnits, type Kernel, type OnProgress, type Unit, unitKey, unitsIncluding } from '@klpkit/kernel';
import type { Fix } from '../fix/index.ts';
import { makeOverlay } from '../overlay/index.ts';
import { type NarrowedUnits, narrowUnits } from '../reach/index.ts';
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
  /** Most units whose code a header may touch; {@link looksPerUnit} times as many may include it. */
  readonly most: number;
  /** Preprocessors at once; default 2. */
  readonly jobs?: number;
  readonly overrides: Overrides;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Units that may be looked at for each that may be compiled: looking is cheaper, and most are only passed through. */
const looksPerUnit = 16;

/** Wall time of looking at one unit on both sides and of compiling it, in seconds, where nothing was measured yet. */
const usualSeconds = { look: 0.8, compile: 4 };

/** Fewer are compiled at once. */
const fewUnits = 8;

/**
 * The units that are compiled for a fix: those of the touched sources, and those whose code a touched header can change.
 *
 * @throws {Refusal} when nothing of the fix is built by this kernel, or a header reaches more units than `most` allows
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
      : await unitsIncluding(kernel, headers, { most: options.most * looksPerUnit, onProgress, signal });
    if (reached?.isTooMany) {
      const count = reached.count || reached.sources;
      findings.push({
        id: 'KLP103',
        severity: 'error',
        what: `${headers.join(', ')} ${headers.length > 1 ? 'are' : 'is'} included by ${count} ${reached.count ? 'units of this kernel' : 'sources'}, more than ${options.most * looksPerUnit}`,
        why: `each must be looked at to see whether the change concerns it, about ${Math.ceil(count * usualSeconds.look)} CPU seconds`,
        next: `raise the limit with --max-units ${Math.ceil(count / looksPerUnit)}, or name the units that the fix is about with --unit`,
        at: { file: headers[0] as string },
      });
    } else if (reached) {
      const narrowed = await concerned(kernel, fix, reached.units, options);
      const count = narrowed.units.length;
      const each =
        narrowed.secondsPerText === undefined ? usualSeconds.compile : 10 * narrowed.secondsPerText;
      const seconds = Math.ceil(count * each);
      if (count > options.most)
        findings.push({
          id: 'KLP103',
          severity: 'error',
          what: `${headers.join(', ')} ${headers.length > 1 ? 'change' : 'changes'} the text of ${count} units, more than ${options.most}`,
          why: `${reached.units.length} include it; each of the ${count} must be compiled on both sides to see whether its code changes, about ${seconds} CPU seconds`,
          next: `raise the limit with --max-units ${count}, or name the units that the fix is about with --unit`,
          at: { file: headers[0] as string },
        });
      else if (count > fewUnits)
        onProgress?.({ label: `compile ${count} units on both sides, about ${seconds} CPU seconds` });
      units.push(...narrowed.units);
    }
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

/** Of units that include changed headers, those whose code can change by them. */
async function concerned(
  kernel: Kernel,
  fix: Fix,
  units: readonly Unit[],
  { jobs = 2, onProgress, signal }: ReachOptions,
): Promise<NarrowedUnits> {
  if (units.length <= fewUnits) return { units, unread: 0, untouched: 0 };
  return inTemporaryFolder('klpkit-reach-', (folder) => {
    const files = [...fix.headers, ...fix.files.map(({ path, compiled }) => ({ path, text: compiled }))];
    const overlay = makeOverlay(kernel.sourceDir, files, join(folder, 'source'));
    return narrowUnits(kernel, units, overlay, { jobs, onProgress, signal });
  });
}
