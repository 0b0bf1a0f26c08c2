import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'clang-19'])('KLP503 with %s', (compiler) => {
  test('a table that differs by a relocation alone is an error', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    const [before] = comparison.before.named('handlers');
    const [after] = comparison.after.named('handlers');
    expect([...comparison.before.content(before)]).toEqual([...comparison.after.content(after)]);
    expect(said(await assessCase(folder, { compiler }), 'KLP503').join()).toContain(
      'the constant handlers changes its content',
    );
  });

  test('the same table is not', async () => {
    expect(said(await assessCase(folder, { compiler, after: 'before.c' }), 'KLP503')).toEqual([]);
  });
});
