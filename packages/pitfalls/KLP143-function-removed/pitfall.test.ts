import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-19'])('KLP143 with %s', (compiler) => {
  test('a static function whose address was handed out is told', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    expect(comparison.functions.map(({ name, status }) => `${name} ${status}`)).toContain('old_show removed');
    const [finding, ...more] = said(await assessCase(folder, { compiler }), 'KLP143');
    expect(finding).toContain(
      'warning KLP143: old_show: old_show is gone from the fixed source, and setup has handed out its address',
    );
    expect(more).toEqual([]);
  });

  test('one that is kept, with the new body, is not', async () => {
    expect(said(await assessCase(folder, { compiler, after: 'twin-after.c' }), 'KLP143')).toEqual([]);
  });
});

test('KLP143: a global function is told by the comparison, whoever has its address', async () => {
  const flags = ['-Dstatic='];
  expect(said(await assessCase(folder, { flags }), 'KLP143')).toHaveLength(1);
});
