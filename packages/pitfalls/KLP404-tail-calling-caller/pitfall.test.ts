import { expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

test('KLP404: a jump to a function that sleeps is told, a call is not', async () => {
  expect(said(await assessCase(folder, { fix: 'tail.c' }), 'KLP404').join()).toContain(
    'note KLP404: finish: finish ends in a jump to wait_for_completion_killable, which may sleep',
  );
  expect(said(await assessCase(folder, { fix: 'twin.c' }), 'KLP404')).toEqual([]);
});
