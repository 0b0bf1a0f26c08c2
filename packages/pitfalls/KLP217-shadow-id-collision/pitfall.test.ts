import { expect, test } from 'vitest';
import { shadowCalls } from '../src/shadow.ts';
import { checkCase, livepatchCase, said } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP217: a small id, and one id for two sizes, are told', async () => {
  const findings = said(await checkCase(folder, 'faulty.c'), 'KLP217');
  expect(findings).toHaveLength(2);
  expect(findings[0]).toContain(
    'warning KLP217: start: the shadow id 1 is one that any livepatch may have picked',
  );
  expect(findings[1]).toContain('shadow variables with the id 1 are made with 64 and 8 bytes');
});

test('KLP217: a larger size than that of the livepatch that is there is an error', async () => {
  const older = await livepatchCase(folder, 'older.c');
  const more = { older: older.livepatch, olderModel: older.model };
  const [error] = said(await checkCase(folder, 'faulty.c', more), 'KLP217');
  expect(error).toContain('error KLP217');
  expect(error).toContain('writes beyond its end');
});

test('KLP217: a large id with one size is not', async () => {
  const { model } = await livepatchCase(folder, 'innocent.c');
  expect(model && shadowCalls(model).map(({ id, size }) => [id, size])).toEqual([
    [0x20241234n, 64n],
    [0x20241234n, undefined],
  ]);
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP217')).toEqual([]);
});
