import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTwoFilesPatch } from 'diff';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applyHunks, parsePatch } from './index.ts';

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}\n`).join('');
const old = numbered(1, 30);
const fresh = old.replace('line 10\n', 'line ten\n').replace('line 20\n', 'line 20\nadded\n');
const hunksOf = (before: string, after: string, context = 3) =>
  parsePatch(createTwoFilesPatch('a/x', 'b/x', before, after, '', '', { context })).files[0]?.hunks ?? [];
const hunks = hunksOf(old, fresh);

describe('applyHunks', () => {
  test('at the line that the patch says', () => {
    const { text, hunks: applied, failed } = applyHunks(old, hunks);
    expect(text).toBe(fresh);
    expect(applied.map(({ line, offset, fuzz }) => [line, offset, fuzz])).toEqual([
      [7, 0, 0],
      [18, 0, 0],
    ]);
    expect(failed).toEqual([]);
  });

  test('further down and up, and tells how far', () => {
    const down = applyHunks(`new\nnew\n${old}`, hunks);
    expect(down.text).toBe(`new\nnew\n${fresh}`);
    expect(down.hunks.map(({ line, offset }) => [line, offset])).toEqual([
      [9, 2],
      [20, 2],
    ]);
    const up = applyHunks(old.replace('line 1\n', ''), hunks);
    expect(up.text).toBe(fresh.replace('line 1\n', ''));
    expect(up.hunks.map(({ offset }) => offset)).toEqual([-1, -1]);
  });

  test('the nearest of two places that fit', () => {
    const twice = `${old}${old}`;
    expect(applyHunks(twice, hunks).text).toBe(`${fresh}${old}`);
  });

  test('with fuzz only where the outermost context differs, and keeps that context', () => {
    const near = old.replace('line 7\n', 'other 7\n');
    const one = applyHunks(near, hunks);
    expect(one.hunks.map(({ fuzz }) => fuzz)).toEqual([1, 0]);
    expect(one.text).toBe(fresh.replace('line 7\n', 'other 7\n'));
    const two = applyHunks(old.replace('line 8\n', 'other 8\n'), hunks);
    expect(two.hunks.map(({ fuzz }) => fuzz)).toEqual([2, 0]);
    const three = applyHunks(old.replace('line 9\n', 'other 9\n'), hunks);
    expect(three.hunks.map(({ line }) => line)).toEqual([18]);
    expect(three.failed).toMatchObject([
      { at: 9, expectedLine: 'line 9', foundLine: 'other 9', isApplied: false },
    ]);
  });

  test('spaces count', () => {
    const { failed } = applyHunks(old.replace('line 10\n', 'line  10\n'), hunks);
    expect(failed).toMatchObject([{ at: 10, expectedLine: 'line 10', foundLine: 'line  10' }]);
  });

  test('tells what was applied before', () => {
    const { failed, text } = applyHunks(fresh, hunks);
    expect(failed.map(({ isApplied }) => isApplied)).toEqual([true, true]);
    expect(text).toBe(fresh);
  });

  test('behind the end of the text there is nothing to find', () => {
    const { failed } = applyHunks('line 7\nline 8\n', hunks);
    expect(failed[0]).toMatchObject({ at: 3, expectedLine: 'line 9' });
    expect(failed[0]).not.toHaveProperty('foundLine');
  });

  test('a new file, and one without anything left', () => {
    expect(applyHunks('', hunksOf('', 'int a;\n')).text).toBe('int a;\n');
    expect(applyHunks('int a;\n', hunksOf('int a;\n', '')).text).toBe('');
    expect(applyHunks('int b;\n', hunksOf('int a;\n', '')).failed).toMatchObject([{ isApplied: false }]);
  });

  test('never puts a line where only empty lines say that it belongs', () => {
    const blank = '\n\n\n\n\n\n';
    const [hunk] = hunksOf(`int a;\n${blank}int b;\n`, `int a;\n\n\n\nint x;\n\n\n\nint b;\n`);
    expect(applyHunks(`int c;\n${blank}int d;\n`, hunk ? [hunk] : []).hunks.map(({ fuzz }) => fuzz)).toEqual([
      0,
    ]);
    const far = hunksOf('a\n\n\n\n\nb\n', 'a\n\n\nx\n\n\nb\n', 3);
    expect(applyHunks('c\n\n\n\n\nd\n', far).failed).toHaveLength(1);
  });
});

describe('by the measure of others', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'klpkit-apply-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const anyText = fc
    .array(fc.constantFrom('a', 'b', 'c', '', '\tx', 'y '), { maxLength: 40 })
    .map((lines) => lines.map((line) => `${line}\n`).join(''));

  test('what the diff library makes is applied to give the other side', () => {
    fc.assert(
      fc.property(
        anyText,
        anyText,
        fc.boolean(),
        fc.boolean(),
        fc.integer({ min: 0, max: 4 }),
        (a, b, cutA, cutB, context) => {
          const before = cutA ? a.slice(0, -1) : a;
          const after = cutB ? b.slice(0, -1) : b;
          fc.pre(before !== after);
          const result = applyHunks(before, hunksOf(before, after, context));
          expect(result.failed).toEqual([]);
          expect(result.text).toBe(after);
          expect(result.hunks.every(({ offset, fuzz }) => offset === 0 && fuzz === 0)).toBe(true);
        },
      ),
    );
  });

  test('patch(1) puts hunks in the same places of a text that has changed', () => {
    const lines = fc.array(fc.constantFrom<string[]>('if', 'else', 'return', 'x', 'y', 'z', 'w'), {
      minLength: 12,
      maxLength: 24,
    });
    let compared = 0;
    fc.assert(
      fc.property(lines, fc.nat(23), fc.nat(23), fc.nat(23), (words, change, drift, damage) => {
        const text = (list: readonly string[]) => list.map((word) => `${word}\n`).join('');
        const after = words.toSpliced(change % words.length, 1, 'changed', 'new');
        const patch = createTwoFilesPatch('a/x', 'b/x', text(words), text(after));
        const target = words
          .toSpliced(drift % words.length, 0, 'drift')
          .with(damage % words.length, 'damage');
        writeFileSync(join(folder, 'x'), text(target));
        const argv = ['-s', '-f', '-p1', '--no-backup-if-mismatch', '-r', '-'];
        let worked = true;
        try {
          execFileSync('patch', argv, { cwd: folder, input: patch, stdio: ['pipe', 'pipe', 'pipe'] });
        } catch {
          worked = false;
        }
        const ours = applyHunks(text(target), parsePatch(patch).files[0]?.hunks ?? []);
        expect(ours.failed.length === 0).toBe(worked);
        if (!worked) return;
        compared++;
        expect(ours.text).toBe(readFileSync(join(folder, 'x'), 'utf8'));
      }),
      { numRuns: 30 },
    );
    expect(compared).toBeGreaterThan(5);
  });
});
