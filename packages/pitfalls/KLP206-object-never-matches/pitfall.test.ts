import { expect, test } from 'vitest';
import { checkCase, said, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const kernel = smallKernel({ objects: { vmlinux: [], loop: ['t loop_attr_do_show_autoclear'] } });

test('KLP206: a name that no module can have is told, with the spelling of the kernel', async () => {
  const wrong = async (source: string) => said(await checkCase(folder, source), 'KLP206').join();
  expect(await wrong('faulty.c')).toContain('error KLP206: no module can have the name "loop.ko"');
  expect(await wrong('faulty.c')).toContain('spells it "loop"');
  expect(await wrong('dash.c')).toContain('spells it "kvm_intel"');
  expect(await wrong('vmlinux.c')).toContain('error KLP206: an object is named "vmlinux"');
});

test('KLP206: a name that the kernel ships is not, one that it does not ship may come from elsewhere', async () => {
  expect(said(await checkCase(folder, 'innocent.c', { kernel }), 'KLP206')).toEqual([]);
  const without = smallKernel({ objects: { vmlinux: [] } });
  expect(said(await checkCase(folder, 'innocent.c', { kernel: without }), 'KLP206').join()).toContain(
    'warning KLP206: the kernel ships no module loop',
  );
});
