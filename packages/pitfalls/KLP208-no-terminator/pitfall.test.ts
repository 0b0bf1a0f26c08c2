import { expect, test } from 'vitest';
import { checkCase, livepatchCase, said } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP208: an array that another variable follows is told', async () => {
  const { livepatch } = await livepatchCase(folder, 'faulty.c');
  expect(livepatch.patch?.objects[0].functions).toHaveLength(1);
  const [error, ...more] = said(await checkCase(folder, 'faulty.c'), 'KLP208');
  expect(error).toContain('error KLP208: the array funcs of vmlinux has no empty element at its end');
  expect(more).toEqual([]);
});

test('KLP208: one with an empty element is not', async () => {
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP208')).toEqual([]);
});
