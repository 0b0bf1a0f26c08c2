import { expect, test } from 'vitest';
import { checkCase, livepatchCase, said } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP221: a kprobe with a post_handler on a replaced function is told', async () => {
  const [warning, ...more] = said(await checkCase(folder, 'faulty.c'), 'KLP221');
  expect(warning).toContain('the kprobe probe on cmdline_proc_show has a post_handler');
  expect(more).toEqual([]);
});

test('KLP221: one without is not', async () => {
  const { livepatch } = await livepatchCase(folder, 'innocent.c');
  expect(livepatch.undefinedSymbols.map(({ name }) => name)).toContain('register_kprobe');
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP221')).toEqual([]);
});
