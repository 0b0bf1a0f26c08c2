import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-19'])('KLP146 with %s', (compiler) => {
  test('a copy that loses its check is told', async () => {
    const [finding, ...more] = said(await assessCase(folder, { compiler }), 'KLP146');
    expect(finding).toContain(
      'warning KLP146: set_tag: set_tag had a bounds check (fortify_panic) before the fix',
    );
    expect(finding).toContain('__real_memcpy is still called');
    expect(more).toEqual([]);
  });

  test('one that keeps it is not', async () => {
    expect(said(await assessCase(folder, { compiler, after: 'twin-after.c' }), 'KLP146')).toEqual([]);
  });

  test('nor one that gains it', async () => {
    const reverse = { compiler, before: 'after.c', after: 'before.c' };
    expect(said(await assessCase(folder, reverse), 'KLP146')).toEqual([]);
  });
});
