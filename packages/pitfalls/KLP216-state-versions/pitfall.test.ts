import { expect, test } from 'vitest';
import { checkCase, livepatchCase, said } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const olderCase = async () => ({ older: (await livepatchCase(folder, 'older.c')).livepatch });

test('KLP216: a lower version and a missing state are told', async () => {
  const [lower, ...more] = said(await checkCase(folder, 'faulty.c', await olderCase()), 'KLP216');
  expect(lower).toContain('error KLP216: state 7 has version 1 and had 2 in older');
  expect(more).toEqual([]);
  const [missing] = said(await checkCase(folder, 'missing.c', await olderCase()), 'KLP216');
  expect(missing).toContain(
    'error KLP216: state 7 of older is not among the states of this one, which replaces it',
  );
});

test('KLP216: the same version, and more states, are fine', async () => {
  expect(said(await checkCase(folder, 'innocent.c', await olderCase()), 'KLP216')).toEqual([]);
  const alone = await checkCase(folder, 'faulty.c');
  expect(alone.unchecked.find(({ id }) => id === 'KLP216')?.missing).toEqual(['older']);
});
