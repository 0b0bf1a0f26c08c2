import type { Finding } from '@klpkit/findings';
import type { Cell, CellState, JobResult, MatrixFix } from './types.ts';

/** A cell before anything is known of it. */
export type CellHead = Pick<
  Cell,
  'kernel' | 'release' | 'sourceVersion' | 'coveredUntil' | 'fix' | 'cves' | 'inputs'
>;

/** States in which somebody has to do something. */
const forHumans = new Set<CellState>(['does-not-apply', 'refused', 'failed', 'disproven', 'unknown']);

/** Whether a cell waits for a human. */
export function needsHuman({ state }: Pick<Cell, 'state'>): boolean {
  return forHumans.has(state);
}

/** Whether a cell's livepatch may become part of the one that is released. */
export function isGood({ state }: Pick<Cell, 'state'>, isProving: boolean): boolean {
  return state === 'proven' || state === 'released' || (!isProving && state === 'built');
}

/** A cell that no job is needed for, if it is one. */
export function cellWithoutJob(head: CellHead, fix: MatrixFix): Cell | undefined {
  const end = (state: CellState, reason: string, next?: string): Cell => ({
    ...head,
    state,
    reason,
    ...(next ? { next } : {}),
    findings: [],
  });
  if (fix.releases.length > 0 && !fix.releases.some((release) => head.release.startsWith(release)))
    return end('not-for-this-kernel', `the fix is for ${fix.releases.join(', ')}`);
  if (fix.unpatchable !== undefined)
    return end('unpatchable', fix.unpatchable, 'boot a kernel that has the fix');
  return undefined;
}

const buildStates = {
  fixed: 'fixed',
  'not-affected': 'not-affected',
  'does-not-apply': 'does-not-apply',
  refused: 'refused',
} as const satisfies Record<string, CellState>;

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
    ...(first?.next && result.outcome !== 'not-affected' && result.outcome !== 'fixed'
      ? { next: first.next }
      : {}),
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
