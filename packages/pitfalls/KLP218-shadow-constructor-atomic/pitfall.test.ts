import { expect, test } from 'vitest';
import { checkCase, livepatchCase, said } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP218: a constructor that sleeps, itself or through another function, is told', async () => {
  const [error, ...more] = said(await checkCase(folder, 'faulty.c'), 'KLP218');
  expect(error).toContain(
    'make, the constructor that start hands to klp_shadow_alloc, calls msleep (through settle)',
  );
  expect(more).toEqual([]);
  const [waits] = said(await checkCase(folder, 'allocates.c'), 'KLP218');
  expect(waits).toContain('calls __kmalloc with the flags 0xcc0, which may wait for memory');
});

test('KLP218: one that allocates without waiting is not, nor what sleeps before the call', async () => {
  const { livepatch } = await livepatchCase(folder, 'innocent.c');
  expect(livepatch.undefinedSymbols.map(({ name }) => name)).toContain('msleep');
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP218')).toEqual([]);
});
