import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Alignable, align, commonSubsequence } from './align.ts';

/** The length of a longest common subsequence by the textbook table. */
function longest(a: readonly number[], b: readonly number[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const item of a) {
    const next = [0];
    for (let j = 1; j <= b.length; j++)
      next.push(item === b[j - 1] ? row[j - 1] + 1 : Math.max(row[j], next[j - 1]));
    row = next;
  }
  return row[b.length];
}

const items = (text: string): Alignable[] => [...text].map((key) => ({ key }));

/** Rows as text: `a` same, `a~b` changed, `-a` removed, `+b` added. */
function shown(before: readonly Alignable[], after: readonly Alignable[]): string {
  return align(before, after)
    .map((row) => {
      if (row.kind === 'removed') return `-${before[row.before].key}`;
      if (row.kind === 'added') return `+${after[row.after].key}`;
      const [b, a] = [before[row.before].key, after[row.after].key];
      return row.kind === 'same' ? b : `${b}~${a}`;
    })
    .join(' ');
}

describe('commonSubsequence', () => {
  test('is common, ascending and as long as any', () => {
    const list = fc.array(fc.nat(4), { maxLength: 40 });
    fc.assert(
      fc.property(list, list, (a, b) => {
        const pairs = commonSubsequence(Int32Array.from(a), Int32Array.from(b));
        for (const [i, j] of pairs) expect(a[i]).toBe(b[j]);
        for (let index = 1; index < pairs.length; index++) {
          expect(pairs[index][0]).toBeGreaterThan(pairs[index - 1][0]);
          expect(pairs[index][1]).toBeGreaterThan(pairs[index - 1][1]);
        }
        expect(pairs).toHaveLength(longest(a, b));
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  test('two long lists without anything in common', () => {
    const a = Int32Array.from({ length: 2000 }, (_, index) => index);
    const b = Int32Array.from({ length: 2000 }, (_, index) => index + 2000);
    expect(commonSubsequence(a, b)).toEqual([]);
    expect(commonSubsequence(a, a)).toHaveLength(2000);
  });
});

describe('align', () => {
  test('every item has one row, in order', () => {
    const list = fc.array(
      fc.record({
        key: fc.constantFrom('a', 'b', 'c', 'd'),
        shapes: fc.array(fc.constantFrom('x', 'y'), { maxLength: 3 }),
      }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(list, list, (before, after) => {
        const rows = align(before, after);
        expect(rows.flatMap((row) => row.before ?? [])).toEqual(before.map((_, index) => index));
        expect(rows.flatMap((row) => row.after ?? [])).toEqual(after.map((_, index) => index));
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  test('removed and added items stand apart, those of one shape side by side', () => {
    expect(shown(items('abc'), items('abc'))).toBe('a b c');
    expect(shown(items('abcd'), items('axd'))).toBe('a -b -c +x d');
    expect(shown([], items('a'))).toBe('+a');
    const before = [{ key: 'push' }, { key: 'mov 1', shapes: ['mov #'] }, { key: 'ret' }];
    const after = [
      { key: 'push' },
      { key: 'nop', shapes: ['nop'] },
      { key: 'mov 2', shapes: ['mov #'] },
      { key: 'ret' },
    ];
    expect(shown(before, after)).toBe('push +nop mov 1~mov 2 ret');
  });

  test('a closer shape is worth more than one that comes first', () => {
    const load = (key: string): Alignable => ({ key, shapes: ['mov (#), #', 'mov'] });
    const store = (key: string): Alignable => ({ key, shapes: ['mov #, (#)', 'mov'] });
    expect(shown([load('l1')], [store('s'), load('l2')])).toBe('+s l1~l2');
    expect(shown([load('l1')], [store('s')])).toBe('l1~s');
  });

  test('a jump is the same when it leads to the counterpart', () => {
    const before = [{ key: 'jmp', target: 2 }, ...items('ab')];
    expect(shown(before, [{ key: 'jmp', target: 3 }, ...items('xab')])).toBe('jmp +x a b');
    expect(shown(before, [{ key: 'jmp', target: 2 }, ...items('xab')])).toBe('jmp~jmp +x a b');
    expect(shown(before, [{ key: 'jmp' }, ...items('ab')])).toBe('jmp~jmp a b');
  });
});
