import { expect, test } from 'vitest';
import { said } from '../testing/case.ts';
import { checkKlpCase } from '../testing/klp.ts';
import { smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;
const references = [{ object: 'vmlinux', name: 'eth_ops' }];
const kernel = smallKernel({ objects: { vmlinux: ['t probe', 'r eth_ops'] } });

test('KLP142: a copy of a table that the kernel has is told', async () => {
  const [finding, ...more] = said(await checkKlpCase(folder, 'copy.c', references, { kernel }), 'KLP142');
  expect(finding).toContain('the module has a eth_ops of its own, and so has vmlinux');
  expect(finding).toContain('new_probe hands out the address of the copy');
  expect(more).toEqual([]);
});

test('KLP142: the original is not, nor a table that the kernel does not have', async () => {
  expect(said(await checkKlpCase(folder, 'original.c', references, { kernel }), 'KLP142')).toEqual([]);
  const other = smallKernel({ objects: { vmlinux: ['t probe'] } });
  expect(said(await checkKlpCase(folder, 'copy.c', references, { kernel: other }), 'KLP142')).toEqual([]);
});
