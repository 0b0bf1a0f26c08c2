import { expect, test } from 'vitest';
import { checkCase, said, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const kernel = smallKernel({
  facts: {
    vermagic: '6.12.117+deb12-amd64 SMP preempt mod_unload modversions ',
    exported: (name) =>
      name === 'dma_buf_get' ? { owner: 'vmlinux', namespace: 'DMA_BUF' } : { owner: 'vmlinux' },
  },
});

test('KLP224: another version magic is told', async () => {
  const [error, ...more] = said(await checkCase(folder, 'faulty.c', { kernel }), 'KLP224');
  expect(error).toContain('error KLP224: .modinfo: the version magic is "6.12.999 SMP preempt_rt');
  expect(more).toEqual([]);
});

test('KLP224: a namespace that is not imported is told', async () => {
  const [error, ...more] = said(await checkCase(folder, 'namespace.c', { kernel }), 'KLP224');
  expect(error).toContain(
    'dma_buf_get is exported in the namespace DMA_BUF, which the module does not import',
  );
  expect(more).toEqual([]);
});

test('KLP224: a namespace may be forgiven by a configuration that is not known', async () => {
  const certainty = async (known: typeof kernel) =>
    (await checkCase(folder, 'namespace.c', { kernel: known })).findings.find(({ id }) => id === 'KLP224')
      ?.certainty;
  const { config, ...image } = kernel;
  expect(await certainty(kernel)).toBeUndefined();
  expect(await certainty(image)).toBe('likely');
});

test('KLP224: with the import it is fine, and without a kernel it is unchecked', async () => {
  expect(said(await checkCase(folder, 'innocent.c', { kernel }), 'KLP224')).toEqual([]);
  const unknown = await checkCase(folder, 'namespace.c');
  expect(unknown.unchecked.find(({ id }) => id === 'KLP224')?.missing).toEqual(['kernel']);
});
