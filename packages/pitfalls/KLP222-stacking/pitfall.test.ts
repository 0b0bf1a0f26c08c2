import { expect, test } from 'vitest';
import { checkCase, livepatchCase, said } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const olderCase = async () => ({ older: (await livepatchCase(folder, 'older.c')).livepatch });

test('KLP222: a function of both without replace is told', async () => {
  const [warning, ...more] = said(await checkCase(folder, 'faulty.c', await olderCase()), 'KLP222');
  expect(warning).toContain(
    'warning KLP222: cmdline_proc_show: cmdline_proc_show is replaced by older as well',
  );
  expect(more).toEqual([]);
});

test('KLP222: with replace it is not', async () => {
  expect(said(await checkCase(folder, 'innocent.c', await olderCase()), 'KLP222')).toEqual([]);
});
