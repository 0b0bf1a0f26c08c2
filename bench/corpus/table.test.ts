import { describe, expect, it } from 'vitest';
import type { Outcome } from './outcome.ts';
import { tableOf } from './table.ts';

const outcome = (file: string, more: Partial<Outcome>): Outcome => ({
  file,
  kind: 'built-in',
  outcome: 'built',
  reasons: [],
  functions: ['vmlinux:f'],
  headers: [],
  why: [],
  seconds: { build: 1 },
  ...more,
});
const compared = {
  units: 1,
  identical: 0,
  functions: 9,
  matched: 8,
  changed: 2,
  new: 1,
  removed: 0,
  data: 0,
};

const table = tableOf(
  [
    outcome('fs/a.c', { outcome: 'proven', compared, second: [] }),
    outcome('fs/b.c', {
      outcome: 'refused',
      reasons: [{ id: 'KLP502', what: 'a | b' }],
      second: ['fs/b.c: f'],
    }),
    outcome('fs/c.c', { outcome: 'refused', reasons: [{ id: 'nothing-changed', what: 'none' }] }),
    outcome('net/d.c', {
      outcome: 'buildable',
      why: [{ function: 'f', status: 'changed', kind: 'edited', text: '' }],
    }),
    outcome('net/e.c', { outcome: 'not-built', kind: 'none', reasons: [{ id: 'CONFIG_E', what: 'is off' }] }),
    outcome('include/h.h', { outcome: 'refused', kind: 'header', reasons: [{ id: 'KLP502', what: 'c' }] }),
  ],
  'Title',
);

describe('tableOf', () => {
  it('counts by area and verdict, headers and what is not built apart', () => {
    expect(table).toContain('| fs | 3 | 1 | 0 | 0 | 1 | 1 | 0 |');
    expect(table).toContain('| net | 1 | 0 | 0 | 1 | 0 | 0 | 0 |');
    expect(table).toContain('| all sources | 4 | 1 | 0 | 1 | 1 | 1 | 0 |');
    expect(table).toContain('| headers | 1 | 0 | 0 | 0 | 0 | 1 | 0 |');
    expect(table).toContain('Not built by this configuration: 1 changed files.');
    expect(table).toContain('| CONFIG_E | 1 | net/e.c: is off |');
  });

  it('counts each reason once for a file, with an example that breaks no table', () => {
    expect(table).toContain('| KLP502 | 2 | fs/b.c: a \\| b |');
  });

  it('has a row for each file, with what was compared', () => {
    expect(table).toContain('| fs/a.c | 9 | 8 | 2 | 1 | proven | vmlinux:f |');
    expect(table).toContain('| net/d.c | – | – | – | – | buildable | f (edited) |');
    expect(table).not.toContain('\n| net/e.c |');
  });

  it('says how often the second opinion agrees', () => {
    expect(table).toContain('asked for 2 fixes, the same set of changed functions in 1.');
  });
});
