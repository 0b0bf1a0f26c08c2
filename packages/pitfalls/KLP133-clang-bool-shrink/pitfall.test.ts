import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['clang-14', 'clang-16', 'clang-19'])('KLP133 with %s', (compiler) => {
  test('a variable of two values that gets a third is refused, and the finding says why its size changes', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    expect([comparison.before, comparison.after].map((side) => side.named('mode')[0].size)).toEqual([1, 4]);
    const judgement = await assessCase(folder, { compiler });
    expect(said(judgement, 'KLP502').join()).toContain('error KLP502: mode');
    const [note, ...more] = said(judgement, 'KLP133');
    expect(note).toContain('mode is 4 bytes in the source, and clang keeps it in one byte before the fix');
    expect(more).toEqual([]);
  });

  test('and so is the reverse', async () => {
    const judgement = await assessCase(folder, { compiler, before: 'after.c', after: 'before.c' });
    expect(said(judgement, 'KLP133').join()).toContain('clang keeps it in one byte after the fix');
  });

  test('one of three values on both sides is not', async () => {
    const twin = { compiler, before: 'twin.c', after: 'twin-after.c' };
    const { comparison } = await unitCase(folder, twin);
    expect(comparison.functions.map(({ status }) => status)).toContain('changed');
    const judgement = await assessCase(folder, twin);
    expect([...said(judgement, 'KLP133'), ...said(judgement, 'KLP502')]).toEqual([]);
  });
});

test.each(['gcc-12', 'gcc-11'])('KLP133: %s keeps the size', async (compiler) => {
  expect(said(await assessCase(folder, { compiler }), 'KLP133')).toEqual([]);
});
