import { expect, test } from 'vitest';
import { checkCase, said, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const kernel = smallKernel({
  facts: { exported: (name) => ({ owner: name === 'cdrom_check_events' ? 'cdrom' : 'vmlinux' }) },
});

test('KLP304: an export of a module is told', async () => {
  const [warning, ...more] = said(await checkCase(folder, 'faulty.c', { kernel }), 'KLP304');
  expect(warning).toContain(
    'warning KLP304: cdrom_check_events: cdrom_check_events is exported by the module cdrom',
  );
  expect(more).toEqual([]);
});

test('KLP304: exports of the kernel itself are not', async () => {
  expect(said(await checkCase(folder, 'innocent.c', { kernel }), 'KLP304')).toEqual([]);
});
