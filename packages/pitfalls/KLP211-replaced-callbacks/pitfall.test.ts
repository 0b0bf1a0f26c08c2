import { expect, test } from 'vitest';
import { checkCase, livepatchCase, said } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const olderCase = async () => ({ older: (await livepatchCase(folder, 'older.c')).livepatch });

test('KLP211: callbacks that nobody takes over are told', async () => {
  const [error, ...more] = said(await checkCase(folder, 'faulty.c', await olderCase()), 'KLP211');
  expect(error).toContain(
    'error KLP211: post_unpatch of vmlinux and pre_unpatch of vmlinux of older will not run',
  );
  expect(error).toContain('neither callbacks nor states');
  expect(more).toEqual([]);
});

test('KLP211: with a state and callbacks it is a note', async () => {
  const findings = said(await checkCase(folder, 'innocent.c', await olderCase()), 'KLP211');
  expect(findings).toHaveLength(1);
  expect(findings[0]).toMatch(/^note/);
});

test('KLP211: without the older livepatch it is unchecked, and one without callbacks leaves nothing behind', async () => {
  const alone = await checkCase(folder, 'faulty.c');
  expect(alone.unchecked.find(({ id }) => id === 'KLP211')?.missing).toEqual(['older']);
  const { livepatch } = await livepatchCase(folder, 'faulty.c');
  expect(said(await checkCase(folder, 'faulty.c', { older: livepatch }), 'KLP211')).toEqual([]);
});
