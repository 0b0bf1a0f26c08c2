import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { annotationHeaders } from './headers.ts';

test('headers for authors are added when a fix includes one, beside those that the kernel has', async () => {
  const tree = await mkdtemp(join(tmpdir(), 'klpkit-headers-'));
  try {
    const paths = async (after: string, more: { path: string; after: string }[] = []) =>
      (await annotationHeaders(tree, [{ path: 'fs/x.c', after }, ...more])).map(({ path }) => path);
    expect(await paths('#include <linux/livepatch.h>\n// klpkit/livepatch.h\n')).toEqual([]);
    const all = ['klpkit/livepatch.h', 'kpatch-macros.h', 'kpatch-syscall.h', 'linux/livepatch_helpers.h'];
    for (const line of ['#include <klpkit/livepatch.h>', '# include "kpatch-macros.h"'])
      expect(await paths(`${line}\n`)).toEqual(all.map((header) => `include/${header}`));
    // A kernel since 6.19 has one of them, and a fix may bring its own.
    await mkdir(join(tree, 'include/linux'), { recursive: true });
    await writeFile(join(tree, 'include/linux/livepatch_helpers.h'), '');
    const own = { path: 'include/kpatch-macros.h', after: '' };
    expect(await paths('#include <linux/livepatch_helpers.h>\n', [own])).toEqual([
      'include/klpkit/livepatch.h',
      'include/kpatch-syscall.h',
    ]);
  } finally {
    await rm(tree, { recursive: true });
  }
});
