import { expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';
import { checkCase } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP507: a module parameter that a fix adds is an error of the comparison', async () => {
  expect(said(await assessCase(folder, { fix: 'fix.c' }), 'KLP507').join()).toContain('error KLP507');
});

test('KLP507: a livepatch with parameters of its own', async () => {
  expect(said(await checkCase(folder, 'faulty.c'), 'KLP507').join()).toContain(
    'warning KLP507: __param: the livepatch brings module parameters in __param',
  );
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP507')).toEqual([]);
});
