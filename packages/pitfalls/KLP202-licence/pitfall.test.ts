import { expect, test } from 'vitest';
import { checkCase, said } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP202: a licence that the kernel does not know as compatible is told', async () => {
  const [error, ...more] = said(await checkCase(folder, 'faulty.c'), 'KLP202');
  expect(error).toContain('error KLP202: .modinfo: the licence is "Proprietary"');
  expect(more).toEqual([]);
});

test('KLP202: a dual licence is not', async () => {
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP202')).toEqual([]);
});
