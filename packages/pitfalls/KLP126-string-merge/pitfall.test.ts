import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;
const twin = { before: 'twin.c', after: 'twin-after.c' };

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-19'])('KLP126 with %s', (compiler) => {
  test('a pointer that is compared with a literal is told', async () => {
    const [finding, ...more] = said(await assessCase(folder, { compiler }), 'KLP126');
    expect(finding).toContain('is_tag compares a pointer with the address of the literal "eth0"');
    expect(more).toEqual([]);
  });

  test('a string that is compared by content is not', async () => {
    const { comparison } = await unitCase(folder, { compiler, ...twin });
    const changed = comparison.functions.filter(({ status }) => status !== 'same').map(({ name }) => name);
    expect(changed.sort()).toEqual(['init', 'is_tag']);
    expect(said(await assessCase(folder, { compiler, ...twin }), 'KLP126')).toEqual([]);
  });
});
