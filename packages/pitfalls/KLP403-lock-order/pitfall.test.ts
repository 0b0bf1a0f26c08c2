import { expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

test('KLP403: functions whose locking differs are named for review', async () => {
  const [note, ...more] = said(await assessCase(folder, { fix: 'order.c' }), 'KLP403');
  expect(note).toContain('note KLP403: reader: the calls that take and release locks differ in reader');
  expect(more).toEqual([]);
});

test('KLP403: the same locks in the same order are not', async () => {
  expect(said(await assessCase(folder, { fix: 'twin.c' }), 'KLP403')).toEqual([]);
});
