import type { Cell, CellState } from '../types.ts';

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
