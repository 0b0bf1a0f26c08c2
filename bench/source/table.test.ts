import { describe, expect, it } from 'vitest';
import { median, type SourceOutcome, tableOf } from './table.ts';

const outcome = (file: string, more: Partial<SourceOutcome>): SourceOutcome => ({
  file,
  kind: 'module',
  outcome: 'built',
  reasons: [],
  functions: [],
  headers: [],
  why: [],
  seconds: { build: 2 },
  ...more,
});

describe('tableOf', () => {
  it('counts, and names what was refused', () => {
    const table = tableOf(
      [
        outcome('a.c', { lines: { patched: 10, all: 20 }, seconds: { build: 3, written: 1 } }),
        outcome('b.c', {
          outcome: 'proven',
          lines: { patched: 10, all: 40 },
          seconds: { build: 3, written: 5 },
        }),
        outcome('c.c', { outcome: 'refused', reasons: [{ id: 'KLP122', what: 'two | of one name' }] }),
      ],
      'A run',
    );
    expect(table).toContain('| 3 | 2 | 1 | 1 | 0 | 3.0 | 3.0 s | 5.0 s |');
    expect(table).toContain('| c.c | refused | KLP122: two \\| of one name |');
    expect(table).not.toContain('Compared with');
  });

  it('knows the middle of a list', () => {
    expect([median([]), median([3, 1, 2]), median([4, 1])]).toEqual([0, 2, 2.5]);
  });
});
