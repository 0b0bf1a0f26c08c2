import { expect, test } from 'vitest';
import { checkCase, said, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;
const kernel = smallKernel({ objects: { vmlinux: ['t lookup_called', 't lookup_inlined.isra.0'] } });

test('KLP203: a name that the kernel does not have is refused, and the names that it has instead are told', async () => {
  const judgement = await checkCase(folder, 'faulty.c', { kernel });
  const [error, note, ...more] = said(judgement, 'KLP203');
  expect(error).toContain('error KLP203: lookup_inlined: vmlinux has no symbol lookup_inlined');
  expect(note).toContain('vmlinux has lookup_inlined.isra.0, but no lookup_inlined');
  expect(more).toEqual([]);
});

test('KLP203: a name that is there is not', async () => {
  const judgement = await checkCase(folder, 'innocent.c', { kernel });
  expect(said(judgement, 'KLP203')).toEqual([]);
});

test('KLP203: without a kernel it is unchecked, not fine', async () => {
  const judgement = await checkCase(folder, 'faulty.c');
  expect(judgement.unchecked.find(({ id }) => id === 'KLP203')?.missing).toEqual(['kernel']);
});
