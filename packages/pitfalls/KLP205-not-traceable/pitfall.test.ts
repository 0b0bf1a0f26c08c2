import { expect, test } from 'vitest';
import { checkCase, said, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const kernel = smallKernel({
  objects: { vmlinux: ['t cmdline_proc_show', 'T native_sched_clock', 'T start_kernel', 'D jiffies'] },
  facts: { isTraceable: (_, name) => name === 'cmdline_proc_show' },
});

test.each(['faulty.c', 'init.c'])('KLP205: a function without ftrace site is told (%s)', async (source) => {
  const findings = said(await checkCase(folder, source, { kernel }), 'KLP205');
  expect(findings).toHaveLength(1);
  expect(findings[0]).toContain('has no ftrace site at its entry');
});

test('KLP205: data is called data', async () => {
  const findings = said(await checkCase(folder, 'data.c', { kernel }), 'KLP205').join();
  expect(findings).toContain('jiffies of vmlinux is data, not a function');
});

test('KLP205: a traceable function is not', async () => {
  expect(said(await checkCase(folder, 'innocent.c', { kernel }), 'KLP205')).toEqual([]);
});
