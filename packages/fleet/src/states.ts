import type { Finding } from '@klpkit/findings';
import { withdrawalWords } from './history.ts';
import type { Cell, CellState, JobResult, MatrixFix } from './types.ts';

/** Name of the livepatch of all good fixes, in place of a fix. */
export const allFixes = '*';

/** A cell before anything is known of it. */
export type CellHead = Pick<
  Cell,
  'kernel' | 'release' | 'sourceVersion' | 'coveredUntil' | 'fix' | 'cves' | 'inputs'
>;

/** States in which somebody has to do something. */
const forHumans = new Set<CellState>(['does-not-apply', 'refused', 'failed', 'disproven']);

/** States that no run has taken to an end. */
const unfinished = new Set<CellState>(['unknown', 'building', 'proving']);

/** Whether no run has taken a cell to its end. */
export function isUnfinished({ state }: Pick<Cell, 'state'>): boolean {
  return unfinished.has(state);
}

/** Whether a cell waits for a human, if only to run the matrix again. */
export function needsHuman(cell: Pick<Cell, 'state' | 'isStale'>): boolean {
  return cell.isStale === true || forHumans.has(cell.state) || isUnfinished(cell);
}

/** Whether a cell's livepatch may become part of the one that is released. */
export function isGood({ state }: Pick<Cell, 'state'>, isProving: boolean): boolean {
  return (
    state === 'proven' || state === 'mitigated' || state === 'released' || (!isProving && state === 'built')
  );
}

/** A cell at an end that nothing was made for. */
export function end(head: CellHead, state: CellState, reason: string, next?: string): Cell {
  return { ...head, state, reason, ...(next ? { next } : {}), findings: [] };
}

/** Whether a kernel is no longer looked after. The day itself is the last one. */
export function isOver(coveredUntil: string | undefined, asOf: string): boolean {
  return coveredUntil !== undefined && coveredUntil < asOf;
}

/** Whether a release begins so, number for number: `6.1` begins `6.1.0-56-amd64`, and not `6.12.117`. */
export function beginsWith(release: string, beginning: string): boolean {
  return (
    release.startsWith(beginning) && !(/\d$/.test(beginning) && /^\d/.test(release.slice(beginning.length)))
  );
}

/** The end of a cell whose kernel is no longer looked after. */
export function expired(head: CellHead): Cell {
  return end(head, 'expired', `the kernel was covered until ${head.coveredUntil}`);
}

/** A cell that no job is needed for, if it is one. @param asOf today */
export function cellWithoutJob(head: CellHead, fix: MatrixFix, asOf: string): Cell | undefined {
  if (isOver(head.coveredUntil, asOf)) return expired(head);
  if (fix.releases.length > 0 && !fix.releases.some((beginning) => beginsWith(head.release, beginning)))
    return end(head, 'not-for-this-kernel', `the fix is for ${fix.releases.join(', ')}`);
  if (fix.withdrawn)
    return end(
      head,
      'withdrawn',
      withdrawalWords(fix.withdrawn),
      'unload livepatches that have it, or load the next release over them',
    );
  if (fix.unpatchable !== undefined) return end(head, 'unpatchable', fix.unpatchable);
  return undefined;
}

/** What a good cell is whose livepatch mends nothing, and helps until the fix is there. */
export function cellOfMitigation(cell: Cell, { mitigation }: MatrixFix, isProving: boolean): Cell {
  if (mitigation === undefined || !isGood(cell, isProving)) return cell;
  return {
    ...cell,
    state: 'mitigated',
    reason: mitigation,
    next: 'replace it by the fix, when there is one',
  };
}

const buildStates = {
  fixed: 'fixed',
  'not-affected': 'not-affected',
  unsupported: 'unsupported',
  'does-not-apply': 'does-not-apply',
  refused: 'refused',
} as const satisfies Record<string, CellState>;

/** Outcomes after which nothing is to be done. */
const withoutNext = new Set<string>(['fixed', 'not-affected', 'unsupported']);

/** The state that a build gives. */
export function cellOfBuild(head: CellHead, result: JobResult, maxWarnings: number | undefined): Cell {
  if (result.kind !== 'build') return cellOfFailure(head, result, 'build');
  const { findings } = result;
  if (result.outcome === 'built') {
    const warnings = findings.filter(({ severity }) => severity === 'warning');
    const { artifact, group } = result;
    const isTooMuch = maxWarnings !== undefined && warnings.length > maxWarnings;
    return {
      ...head,
      state: isTooMuch ? 'refused' : 'built',
      reason: isTooMuch
        ? `${warnings.length} warnings, where ${maxWarnings} may pass`
        : `replaces ${artifact.objects.flatMap(({ functions }) => functions).join(', ')}`,
      ...(isTooMuch
        ? { next: 'look at each warning; answer it by an override with a reason, or allow more' }
        : {}),
      findings,
      artifact,
      group,
    };
  }
  const first = findings.find(({ severity }) => severity === 'error') ?? findings[0];
  return {
    ...head,
    state: buildStates[result.outcome],
    reason: first?.what ?? 'nothing is changed',
    ...(first?.next && !withoutNext.has(result.outcome) ? { next: first.next } : {}),
    findings,
  };
}

/** The state that a proof gives to a cell that was built. */
export function cellOfProof(cell: Cell, result: JobResult): Cell {
  if (result.kind !== 'prove') return { ...cellOfFailure(cell, result, 'proof'), ...kept(cell) };
  const errors = result.findings.filter(({ severity }) => severity === 'error');
  const proof = {
    verdict: result.outcome === 'proven' ? ('proven' as const) : ('failed' as const),
    digest: result.proof,
  };
  if (result.outcome === 'proven') return { ...cell, state: 'proven', proof };
  const [first] = errors;
  return {
    ...cell,
    state: 'disproven',
    reason: first?.what ?? 'the proof failed',
    ...(first?.next ? { next: first.next } : {}),
    findings: [...cell.findings, ...plain(errors)],
    proof,
  };
}

function kept({ artifact, group, findings }: Cell): Partial<Cell> {
  return { ...(artifact ? { artifact } : {}), ...(group ? { group } : {}), findings };
}

function cellOfFailure(head: CellHead, result: JobResult, step: string): Cell {
  const failure = result.kind === 'failed' ? result : undefined;
  return {
    ...head,
    state: 'failed',
    reason: `${step}: ${failure?.message ?? 'the worker gave another answer than was asked for'}`,
    next: failure?.next ?? 'run the matrix again',
    findings: [],
  };
}

function plain(findings: readonly Finding[]): Finding[] {
  return findings.map(({ id, severity, what, why, next }) => ({
    id,
    severity,
    what,
    ...(why ? { why } : {}),
    ...(next ? { next } : {}),
  }));
}
