import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;
const flags = ['-fsanitize=kcfi'];

describe.each(['clang-16', 'clang-19'])('KLP134 with %s', (compiler) => {
  test('a new prototype of a function with pointers to it is refused', async () => {
    const [finding, ...more] = said(await assessCase(folder, { compiler, flags }), 'KLP134');
    expect(finding).toMatch(/error KLP134: my_get: the kCFI hash of my_get is 0x\w+ before and 0x\w+ after/);
    expect(finding).toContain('and ops takes its address');
    expect(more).toEqual([]);
  });

  test('the same prototype is fine, and so is a kernel without kCFI', async () => {
    expect(said(await assessCase(folder, { compiler, flags, after: 'twin-after.c' }), 'KLP134')).toEqual([]);
    expect(said(await assessCase(folder, { compiler }), 'KLP134')).toEqual([]);
  });
});
