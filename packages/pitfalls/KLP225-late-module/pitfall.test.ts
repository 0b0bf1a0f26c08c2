import { expect, test } from 'vitest';
import { checkCase, said, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const kernel = smallKernel({
  objects: { vmlinux: [], loop: ['t loop_add', 't loop_attr_do_show_autoclear'] },
  calls: { init_module: ['loop_add', 'misc_register'] },
});

test('KLP225: a function that the init of the module calls is told', async () => {
  const [note, ...more] = said(await checkCase(folder, 'faulty.c', { kernel }), 'KLP225');
  expect(note).toContain('note KLP225: loop_add: the init of loop calls loop_add');
  expect(more).toEqual([]);
});

test('KLP225: another one is not', async () => {
  expect(said(await checkCase(folder, 'innocent.c', { kernel }), 'KLP225')).toEqual([]);
});
