import { expect, test } from 'vitest';
import { checkCase, said } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP213: a callback that makes something at each load is told', async () => {
  const [warning, ...more] = said(await checkCase(folder, 'faulty.c'), 'KLP213');
  expect(warning).toContain(
    'warning KLP213: post_patch of loop calls klp_shadow_alloc, and no callback undoes it',
  );
  expect(more).toEqual([]);
});

test('KLP213: where another callback undoes it, it is a note; callbacks of the kernel itself run once', async () => {
  const [note, ...more] = said(await checkCase(folder, 'innocent.c'), 'KLP213');
  expect(note).toContain(
    'note KLP213: post_patch and post_unpatch of loop will run each time loop comes or goes',
  );
  expect(more).toEqual([]);
  expect(said(await checkCase(folder, 'vmlinux.c'), 'KLP213')).toEqual([]);
});
