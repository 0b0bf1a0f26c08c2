import { expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';
import { checkCase } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP401: a cold part that sleeps is told, old and new', async () => {
  const { comparison } = await unitCase(folder);
  expect(comparison.before.named('work.cold')).toHaveLength(1);
  const [old, now, ...more] = said(await assessCase(folder), 'KLP401');
  expect(old).toContain('warning KLP401: work: work may sleep in its cold part, by schedule');
  expect(now).toContain('the new work may sleep in its cold part');
  expect(more).toEqual([]);
});

test('KLP401: a cold part that does not sleep is not', async () => {
  const { comparison } = await unitCase(folder, { fix: 'twin.c' });
  expect(comparison.before.named('work.cold')).toHaveLength(1);
  expect(said(await assessCase(folder, { fix: 'twin.c' }), 'KLP401')).toEqual([]);
});

test('KLP401: a module whose new function sleeps in its cold part', async () => {
  expect(said(await checkCase(folder, 'faulty.c'), 'KLP401').join()).toContain(
    'the new new_work may sleep in its cold part, by schedule',
  );
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP401')).toEqual([]);
});
