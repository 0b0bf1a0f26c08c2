import { describe, expect, it } from 'vitest';
import { withNextKernel } from './advice.ts';
import { cell } from './testing/cells.ts';
import type { Cell, CellState } from './types.ts';

const asOf = '2026-11-30';
const old = (state: CellState, more: Partial<Cell> = {}) => cell('6.12.99+deb12-amd64', 'one', state, more);
const later = (state: CellState, more: Partial<Cell> = {}) =>
  cell('6.12.117+deb12-amd64', 'one', state, more);

/** What is to be done next about the first cell, beside the others. */
const next = (...cells: Cell[]) => withNextKernel(cells, asOf)[0]?.next;

describe('withNextKernel', () => {
  it('names the newest kernel that has the fix, or a livepatch for it', () => {
    const newest = cell('6.12.118+deb12-amd64', 'one', 'proven');
    expect(next(old('unpatchable'), later('fixed'))).toBe(
      'boot debian:6.12.117+deb12-amd64, which has the fix',
    );
    expect(next(old('refused', { next: 'rewrite it' }), later('fixed'), newest)).toBe(
      'rewrite it; or boot debian:6.12.118+deb12-amd64, where a livepatch brings the fix',
    );
    expect(next(old('withdrawn'), later('fixed', { coveredUntil: '2027-01-31' }))).toBe(
      'boot debian:6.12.117+deb12-amd64, which has the fix, and which is covered until 2027-01-31',
    );
  });

  it('names none that is older, of another flavour, no longer covered, or without the fix', () => {
    const none = 'boot a kernel that has the fix; this matrix has no later one that has it';
    expect(next(later('unpatchable'), old('fixed'))).toBe(none);
    expect(next(old('unpatchable'), cell('6.12.117+deb12-rt-amd64', 'one', 'fixed'))).toBe(none);
    expect(next(old('unpatchable'), later('fixed', { coveredUntil: '2026-11-29' }))).toBe(none);
    expect(next(old('unpatchable'), later('fixed', { coveredUntil: asOf }))).not.toBe(none);
    for (const state of ['refused', 'mitigated', 'built', 'not-affected'] as const)
      expect(next(old('unpatchable'), later(state))).toBe(none);
    expect(next(old('unpatchable'), { ...later('fixed'), fix: 'two' })).toBe(none);
  });

  it('names a kernel that is covered for longer where coverage has ended', () => {
    const ended = { coveredUntil: '2026-06-30' };
    expect(next(old('expired', ended), later('refused', { coveredUntil: '2027-01-31' }))).toBe(
      'boot debian:6.12.117+deb12-amd64, which is covered until 2027-01-31',
    );
    expect(next(old('expired', { ...ended, fix: '*' }), later('refused'))).toBe(
      'boot debian:6.12.117+deb12-amd64, which is looked after',
    );
    expect(next(old('expired', ended), later('refused', ended))).toBe(
      'boot a kernel that is covered; this matrix has no later one that is',
    );
  });

  it('leaves alone what is good, and what somebody has to find out first', () => {
    for (const state of ['proven', 'fixed', 'failed', 'unknown', 'released', 'unsupported'] as const)
      expect(next(old(state))).toBeUndefined();
  });
});
