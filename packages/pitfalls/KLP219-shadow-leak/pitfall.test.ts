import { expect, test } from 'vitest';
import { checkCase, said } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP219: shadow variables that nobody frees are told', async () => {
  const [warning, ...more] = said(await checkCase(folder, 'faulty.c'), 'KLP219');
  expect(warning).toContain('the livepatch calls klp_shadow_get_or_alloc and never frees a shadow variable');
  expect(more).toEqual([]);
});

test('KLP219: freeing them in the exit is told', async () => {
  const [warning, ...more] = said(await checkCase(folder, 'in-exit.c'), 'KLP219');
  expect(warning).toContain('the exit of the module calls klp_shadow_free_all');
  expect(more).toEqual([]);
});

test('KLP219: freeing them in post_unpatch is not', async () => {
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP219')).toEqual([]);
});
