import { expect, test } from 'vitest';
import { checkCase, said } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP220: an allocation without constructor is told', async () => {
  const [note, ...more] = said(await checkCase(folder, 'faulty.c'), 'KLP220');
  expect(note).toContain('shadow variables that start makes without a constructor begin as zeroes');
  expect(more).toEqual([]);
});

test('KLP220: one with a constructor is not', async () => {
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP220')).toEqual([]);
});
