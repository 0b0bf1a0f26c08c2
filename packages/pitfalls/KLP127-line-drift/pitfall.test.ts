import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-16', 'clang-19'])('KLP127 with %s', (compiler) => {
  test('a function that differs in its line number alone is told', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    expect(comparison.functions.filter(({ status }) => status === 'changed').map(({ name }) => name)).toEqual(
      ['fix_me', 'innocent'],
    );
    const [finding, ...more] = said(await assessCase(folder, { compiler }), 'KLP127');
    expect(finding).toContain('innocent differs only in line numbers: 7 → 12');
    expect(more).toEqual([]);
  });

  test('with the lines where they were it is no change at all', async () => {
    const after = 'twin-after.c';
    const { comparison } = await unitCase(folder, { compiler, after });
    expect(comparison.functions.filter(({ status }) => status === 'changed').map(({ name }) => name)).toEqual(
      ['fix_me'],
    );
    expect(said(await assessCase(folder, { compiler, after }), 'KLP127')).toEqual([]);
  });

  test('another number that changes is not taken for a line', async () => {
    const other = { compiler, before: 'number.c', after: 'number-after.c' };
    const { comparison } = await unitCase(folder, other);
    expect(comparison.functions.find(({ name }) => name === 'innocent')?.status).toBe('changed');
    expect(said(await assessCase(folder, other), 'KLP127')).toEqual([]);
  });
});
