import { expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';
import { checkCase } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP406: a loop without end that sleeps is told, one that ends is not', async () => {
  expect(said(await assessCase(folder, { fix: 'loop.c' }), 'KLP406').join()).toContain(
    'warning KLP406: work: the new work never returns, and sleeps by msleep',
  );
  expect(said(await assessCase(folder, { fix: 'twin.c' }), 'KLP406')).toEqual([]);
});

test('KLP406: of a module', async () => {
  expect(said(await checkCase(folder, 'faulty.c'), 'KLP406').join()).toContain('the new work never returns');
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP406')).toEqual([]);
});
