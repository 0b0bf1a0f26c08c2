import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-19'])('KLP137 with %s', (compiler) => {
  test('a function that no line of the fix names comes in the place of another', async () => {
    const [finding, ...more] = said(await assessCase(folder, { compiler }), 'KLP137');
    expect(finding).toContain('note KLP137: the fixed code refers to alloc_big and no longer to alloc_small');
    expect(more).toEqual([]);
  });

  test('where the size stays constant nothing is said', async () => {
    expect(said(await assessCase(folder, { compiler, after: 'twin-after.c' }), 'KLP137')).toEqual([]);
  });
});
