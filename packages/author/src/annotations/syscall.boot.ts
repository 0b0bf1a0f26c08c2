import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addKernel } from '@klpkit/kernel';
import { formatScenario, runScenario } from '@klpkit/prove';
import { expect, it } from 'vitest';
import { buildLivepatch } from '../build/index.ts';
import { patchOf } from './testing/patch.ts';

/** Two system calls, without and with arguments, each defined as authors of another tool do it. */
const fixed = (source: string) =>
  source
    .replace(
      '#include "internal.h"\n',
      '#include "internal.h"\n#include "kpatch-syscall.h"\n#include <linux/livepatch_helpers.h>\n',
    )
    .replace('SYSCALL_DEFINE0(sync)\n{\n', 'KPATCH_SYSCALL_DEFINE0(sync)\n{\n\tpr_info("fix: sync\\n");\n')
    .replace(
      'SYSCALL_DEFINE1(fsync, unsigned int, fd)\n{\n',
      'KLP_SYSCALL_DEFINE1(fsync, unsigned int, fd)\n{\n\tpr_info("fix: fsync of %u\\n", fd);\n',
    );

const scenario = `name: syscalls
modules: { patch: }
steps:
  - { run: sync, no-log: 'fix:' }
  - load: patch
  - { run: sync, log: 'fix: sync' }
  - { run: dd if=/dev/zero of=/tmp/file bs=1 count=1 conv=fsync, log: '/^fix: fsync of \\d+$/' }
  - disable: patch
  - { run: sync; dd if=/dev/zero of=/tmp/file bs=1 count=1 conv=fsync, no-log: 'fix:' }
  - unload: patch
`;

it('a fix replaces system calls, by the macros of kpatch and of the kernel', async () => {
  const kernel = await addKernel('debian:6.12.117+deb12-amd64');
  const source = await readFile(join(kernel.sourceDir, 'fs/sync.c'), 'utf8');
  const text = patchOf('fs/sync.c', source, fixed(source));
  expect(text.match(/^\+K\w+_SYSCALL_DEFINE/gm)).toHaveLength(2);
  const built = await buildLivepatch(kernel, [{ name: 'syscalls.patch', text }], {
    name: 'syscalls',
    sourceLines: false,
  });
  if (built.outcome !== 'built') throw new Error('nothing to build');
  const names = built.plan.objects.flatMap(({ functions }) => functions.map(({ oldName }) => oldName));
  expect(names).toEqual(expect.arrayContaining(['__do_sys_sync', '__x64_sys_fsync']));
  const result = await runScenario(kernel, {
    file: 'syscalls.yaml',
    text: scenario,
    modules: { patch: { module: built.ko } },
  });
  expect(result.verdict, formatScenario(result)).toBe('passed');
});
