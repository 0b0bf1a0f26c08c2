import { expect, test } from 'vitest';
import { checkCase, said } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP201: a module without the mark is refused, and one with another value is told', async () => {
  const [error, ...more] = said(await checkCase(folder, 'faulty.c'), 'KLP201');
  expect(error).toContain('error KLP201: .modinfo: the module is not marked as a livepatch');
  expect(error).toContain('MODULE_INFO(livepatch, "Y")');
  expect(more).toEqual([]);
  expect(said(await checkCase(folder, 'other-mark.c'), 'KLP201').join()).toContain('warning KLP201');
});

test('KLP201: a marked one is not', async () => {
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP201')).toEqual([]);
});
