import { expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;
const compiler = 'powerpc64le-linux-gnu-gcc-12';
const flags = ['-g0', '-mcmodel=medium', '-pg', '-mprofile-kernel'];

test('KLP139: calls within the file leave no room, and a function gains a local entry point', async () => {
  const [error, warning, ...more] = said(await assessCase(folder, { compiler, flags }), 'KLP139');
  expect(error).toContain(
    'error KLP139: caller: caller calls glob and loc without room to restore the TOC pointer',
  );
  expect(warning).toMatch(
    /warning KLP139: leaf: leaf gains a local entry point: st_other says 0 before and \d after/,
  );
  expect(more).toEqual([]);
});

test('KLP139: a function that calls nothing of its file is fine, and so is x86-64', async () => {
  expect(said(await assessCase(folder, { compiler, flags, after: 'twin-after.c' }), 'KLP139')).toEqual([]);
  expect(said(await assessCase(folder), 'KLP139')).toEqual([]);
});
