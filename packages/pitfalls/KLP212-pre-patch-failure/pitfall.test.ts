import { expect, test } from 'vitest';
import { checkCase, livepatchCase, said } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP212: a pre_patch that can fail is told', async () => {
  const [warning, ...more] = said(await checkCase(folder, 'faulty.c'), 'KLP212');
  expect(warning).toContain('warning KLP212: before: pre_patch of loop (before) can return an error');
  expect(more).toEqual([]);
});

test('KLP212: one that returns 0 whatever happens is not', async () => {
  const { livepatch } = await livepatchCase(folder, 'innocent.c');
  expect(livepatch.patch?.objects[0].callbacks.get('pre_patch')).toBe('before');
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP212')).toEqual([]);
});
