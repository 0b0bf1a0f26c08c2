import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';
import { smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-19'])('KLP145 with %s', (compiler) => {
  test('a global function with copies in its file is told', async () => {
    const [finding, ...more] = said(await assessCase(folder, { compiler }), 'KLP145');
    expect(finding).toContain(
      'note KLP145: lookup: lookup is global, and user of its file has the code inlined all the same',
    );
    expect(more).toEqual([]);
  });

  test('one that is called is not', async () => {
    const twin = { compiler, before: 'twin.c', after: 'twin-after.c' };
    expect(said(await assessCase(folder, twin), 'KLP145')).toEqual([]);
  });
});

test('KLP145: an export is called so', async () => {
  const kernel = smallKernel({
    facts: { exported: (name) => (name === 'lookup' ? { owner: 'vmlinux' } : null) },
  });
  expect(said(await assessCase(folder, { evidence: { kernel } }), 'KLP145').join()).toContain(
    'lookup is exported',
  );
});

test('KLP145: with -fPIC gcc keeps the call', async () => {
  const flags = ['-fPIC', '-mcmodel=small'];
  expect(said(await assessCase(folder, { flags }), 'KLP145')).toEqual([]);
});
