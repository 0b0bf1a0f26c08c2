import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';
import { checkCase, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

describe('KLP123 of a finished module', () => {
  const kernel = smallKernel({ objects: { vmlinux: ['T warn_rx', 'T warn_tx', 'b last.0'] } });

  test('which brings a static variable of the kernel along', async () => {
    const told = said(await checkCase(folder, 'faulty.c', { kernel }), 'KLP123').join('\n');
    expect(told).toContain('the module has a static variable last.0 of its own, used by new_warn_tx');
    expect(told).toContain('the kernel has last.0 of vmlinux');
    const innocent = await checkCase(folder, 'innocent.c', { kernel });
    expect(said(innocent, 'KLP123')).toEqual([]);
    expect(innocent.unchecked.map(({ id }) => id)).not.toContain('KLP123');
  });

  test('a name that the kernel does not have is not told', async () => {
    const other = smallKernel({ objects: { vmlinux: ['T warn_rx', 'T warn_tx', 'b other.0'] } });
    expect(said(await checkCase(folder, 'faulty.c', { kernel: other }), 'KLP123')).toEqual([]);
  });
});

describe('KLP123 of the comparison', () => {
  test('one variable that two functions share stays one', async () => {
    expect(said(await assessCase(folder), 'KLP123')).toEqual([]);
  });

  test('a copy of the function in the fix brings another one', async () => {
    const [told] = said(await assessCase(folder, { before: 'copied.c', after: 'copied-after.c' }), 'KLP123');
    expect(told).toContain('is a new static variable next to others called last');
  });
});
