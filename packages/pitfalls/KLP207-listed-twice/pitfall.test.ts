import { expect, test } from 'vitest';
import { checkCase, said } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP207: positions 0 and 1 of one name are the same function', async () => {
  const [error, ...more] = said(await checkCase(folder, 'faulty.c'), 'KLP207');
  expect(error).toContain('error KLP207: cmdline_proc_show is twice among the functions of vmlinux');
  expect(more).toEqual([]);
});

test('KLP207: two functions with one new function are not', async () => {
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP207')).toEqual([]);
});
