import { expect, test } from 'vitest';
import { said } from '../testing/case.ts';
import { checkCase } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP411: a callback that nothing undoes is told, one that is undone is not', async () => {
  expect(said(await checkCase(folder, 'faulty.c'), 'KLP411').join()).toContain(
    'note KLP411: raise_limit: klp_target has post_patch and nothing that undoes it',
  );
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP411')).toEqual([]);
});
