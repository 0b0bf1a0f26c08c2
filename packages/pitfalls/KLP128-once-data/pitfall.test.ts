import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-19'])('KLP128 with %s', (compiler) => {
  test('a function with flags that are set once is told', async () => {
    const [finding, ...more] = said(await assessCase(folder, { compiler }), 'KLP128');
    expect(finding).toMatch(
      /note KLP128: rx: once-flags begin anew in the livepatch: rx \(.*__already_done.*, 1 WARN_ON_ONCE\(\)\)/,
    );
    expect(more).toEqual([]);
  });

  test('one that speaks every time is not', async () => {
    expect(said(await assessCase(folder, { compiler, after: 'twin-after.c' }), 'KLP128')).toEqual([]);
  });
});
