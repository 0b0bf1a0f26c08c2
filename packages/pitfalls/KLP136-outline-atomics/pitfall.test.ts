import { expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';
import { checkCase } from '../testing/livepatch.ts';

const folder = import.meta.dirname;
const compiler = 'aarch64-linux-gnu-gcc-12';

test('KLP136: without the flag of the kernel an atomic operation is a call that it does not have', async () => {
  const flags = ['-g0', '-moutline-atomics'];
  const [finding, ...more] = said(await assessCase(folder, { compiler, flags }), 'KLP136');
  expect(finding).toContain(
    'error KLP136: get: an atomic operation became a call of __aarch64_ldadd4_acq_rel',
  );
  expect(more).toEqual([]);
});

test('KLP136: with it there is none, and on x86-64 never', async () => {
  expect(said(await assessCase(folder, { compiler, flags: ['-g0'] }), 'KLP136')).toEqual([]);
  expect(said(await assessCase(folder), 'KLP136')).toEqual([]);
});

test('KLP136 of a finished module', async () => {
  const [finding, ...more] = said(await checkCase(folder, 'faulty.c'), 'KLP136');
  expect(finding).toContain('error KLP136: __aarch64_ldadd4_acq_rel');
  expect(more).toEqual([]);
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP136')).toEqual([]);
});
