import { expect, test } from 'vitest';
import { checkLivepatch } from '../src/index.ts';
import { evidenceOf, said, strippedCase } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const stripped = async (flag: string) =>
  checkLivepatch(evidenceOf(await strippedCase(folder, 'livepatch.c', flag)));

test('KLP209: a livepatch without the names of its new functions is told', async () => {
  expect(said(await stripped('--strip-unneeded'), 'KLP209').join()).toContain(
    'error KLP209: cmdline_proc_show: no symbol is left at the new cmdline_proc_show',
  );
});

test('KLP209: one without symbols is told', async () => {
  expect(said(await stripped('--strip-all'), 'KLP209').join()).toContain('the module has no symbol table');
});

test('KLP209: one without debug information is fine', async () => {
  expect(said(await stripped('--strip-debug'), 'KLP209')).toEqual([]);
});
