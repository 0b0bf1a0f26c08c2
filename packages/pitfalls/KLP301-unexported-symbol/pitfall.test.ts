import { expect, test } from 'vitest';
import { checkCase, said, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const kernel = smallKernel({
  facts: { exported: (name) => (name === 'saved_command_line' ? null : { owner: 'vmlinux' }) },
});

test('KLP301: a symbol that nothing exports is told', async () => {
  const [error, ...more] = said(await checkCase(folder, 'faulty.c', { kernel }), 'KLP301');
  expect(error).toContain('error KLP301: saved_command_line: nothing exports saved_command_line');
  expect(more).toEqual([]);
});

test('KLP301: an export is not', async () => {
  expect(said(await checkCase(folder, 'innocent.c', { kernel }), 'KLP301')).toEqual([]);
});
