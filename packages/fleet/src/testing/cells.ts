import { defaultPolicy } from '../read.ts';
import type { ReportFacts } from '../report/index.ts';
import type { Cell, CellState, Matrix, MatrixFix } from '../types.ts';

/** What a report of a test knows: a day, and that nothing was released before. */
export const reportFacts: ReportFacts = { asOf: '2026-11-30', warnDays: 30, released: [] };

/** A cell of a test. */
export function cell(release: string, fix: string, state: CellState, more: Partial<Cell> = {}): Cell {
  return {
    kernel: `debian:${release}`,
    release,
    sourceVersion: '6.12.117-1',
    fix,
    cves: [],
    state,
    reason: `it is ${state}`,
    findings: [],
    inputs: '0'.repeat(64),
    ...more,
  };
}

/** A livepatch of a test that replaces these functions of vmlinux. */
export function artifact(name: string, ...functions: string[]): NonNullable<Cell['artifact']> {
  return {
    name,
    digest: 'a'.repeat(64),
    size: 1000,
    report: 'b'.repeat(64),
    page: 'c'.repeat(64),
    objects: [{ name: 'vmlinux', functions }],
  };
}

/** A fix of a test with a patch of its name. */
export function fixOf(id: string, more: Partial<MatrixFix> = {}): MatrixFix {
  return {
    id,
    cves: [],
    patches: [`${id}.patch`],
    backports: [],
    releases: [],
    overrides: {},
    checks: [],
    ...more,
  };
}

/** A matrix of a test without kernels. */
export function matrixOf(fixes: readonly MatrixFix[]): Matrix {
  return { name: 'web', kernels: [], fixes, released: [], policy: defaultPolicy };
}
