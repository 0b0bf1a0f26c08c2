import { expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';
import { checkCase, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP409: every function that holds the body of a system call is named', async () => {
  const { comparison } = await unitCase(folder, { fix: 'syscall.c' });
  expect(comparison.functions.filter(({ status }) => status === 'changed').map(({ name }) => name)).toEqual([
    '__x64_sys_swap',
    '__ia32_sys_swap',
  ]);
  expect(said(await assessCase(folder, { fix: 'syscall.c' }), 'KLP409').join()).toContain(
    'the system call swap is __ia32_sys_swap and __x64_sys_swap in the object',
  );
  expect(said(await assessCase(folder, { fix: 'twin.c' }), 'KLP409')).toEqual([]);
});

test('KLP409: a module that replaces one way in and leaves the other', async () => {
  const objects = { vmlinux: ['T __x64_sys_swap', 'T __ia32_sys_swap'] };
  const kernel = smallKernel({ objects, calls: { __ia32_sys_swap: ['ext_int'] } });
  expect(said(await checkCase(folder, 'faulty.c', { kernel }), 'KLP409').join()).toContain(
    'error KLP409: __x64_sys_swap: __x64_sys_swap is replaced, __ia32_sys_swap is not',
  );
  expect(said(await checkCase(folder, 'innocent.c', { kernel }), 'KLP409')).toEqual([]);
  const single = smallKernel({ objects: { vmlinux: ['T __x64_sys_swap'] } });
  expect(said(await checkCase(folder, 'faulty.c', { kernel: single }), 'KLP409')).toEqual([]);
});
