import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addKernel, type Kernel } from '@klpkit/kernel';
import { formatProof, type Proof, proveLivepatch } from '@klpkit/prove';
import { createTwoFilesPatch } from 'diff';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltFolder, buildFolder } from '../folder/index.ts';
import { type SourceLivepatch, writeSource } from './source.ts';

/** One file with one edit. */
interface Edit {
  readonly name: string;
  readonly path: string;
  readonly from: RegExp;
  readonly to: string;
}

/** A system call, which a macro makes; a function of a module with tracepoints and private symbols of it. */
const edits: readonly Edit[] = [
  {
    name: 'livepatch_newuname',
    path: 'kernel/sys.c',
    from: /(SYSCALL_DEFINE1\(newuname,[\s\S]*?up_read\(&uts_sem\);\n)/,
    to: '$1\tstrscpy(tmp.nodename, "livepatched", sizeof(tmp.nodename));\n',
  },
  {
    name: 'livepatch_fsync',
    path: 'fs/ext4/fsync.c',
    from: /(int ext4_sync_file\([\s\S]*?journal_current_handle\(\) == NULL\);\n)/,
    to: '$1\tpr_info_once("the livepatched fsync\\n");\n',
  },
];

const disk =
  'dd if=/dev/zero of=/tmp/disk bs=1M count=8 2> /dev/null && losetup /dev/loop0 /tmp/disk && mke2fs -j /dev/loop0 > /dev/null && mkdir -p /tmp/m && mount -t ext4 /dev/loop0 /tmp/m && dd if=/dev/zero of=/tmp/m/f bs=4k count=4 conv=fsync 2> /dev/null && umount /tmp/m && losetup -d /dev/loop0 && dmesg | grep -q "livepatched fsync" && echo seen';

describe('livepatches of the source route', () => {
  let kernel: Kernel;
  let proof: Proof;
  const written: SourceLivepatch[] = [];
  const built: BuiltFolder[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'klpkit-boot-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  beforeAll(async () => {
    kernel = await addKernel('debian:6.12.117+deb12-amd64');
    for (const { name, path, from, to } of edits) {
      const before = readFileSync(join(kernel.sourceDir, path), 'utf8');
      const after = before.replace(from, to);
      if (after === before) throw new Error(`${path} has no ${from}`);
      const text = createTwoFilesPatch(`a/${path}`, `b/${path}`, before, after, '', '', { context: 3 });
      const source = await writeSource(kernel, [{ name: `${name}.patch`, text }], { name });
      if (source.outcome !== 'written') throw new Error('nothing to write');
      written.push(source);
      const own = mkdtempSync(join(folder, 'source-'));
      for (const [file, content] of source.files) writeFileSync(join(own, file), content);
      built.push(await buildFolder(kernel, own));
    }
    proof = await proveLivepatch(kernel, {
      livepatches: built.map(({ plan, module }, index) => ({
        module,
        name: plan.name,
        objects: plan.objects.map(({ name, functions }) => ({
          name,
          functions: functions.map(({ oldName }) => oldName),
        })),
        checks: [
          index === 0
            ? { command: 'uname -n', expectPatched: 'livepatched' }
            : { command: `${disk} || true`, expectPatched: 'seen', timeoutSeconds: 60 },
        ],
      })),
      modules: ['loop', 'crc32c_generic'],
      jobs: 1,
    });
  });

  it('replace a system call under the names that the kernel has for it', () => {
    const [source] = written;
    expect(
      source?.manifest.objects.map(({ name, functions }) => [name, functions.map((one) => one.new).sort()]),
    ).toEqual([['vmlinux', ['__ia32_sys_klpp_newuname', '__x64_sys_klpp_newuname']]]);
    const text = source?.files.get('kernel_sys.c') ?? '';
    expect(text).toContain('SYSCALL_DEFINE1(klpp_newuname, struct new_utsname __user *, name)');
    expect(text).toContain('#define SYSCALL_METADATA(sname, nb, ...)');
    expect(text).not.toContain('SYSCALL_DEFINE1(uname');
  });

  it('read the static keys of a module, whose tracepoints go on firing', () => {
    const [, source] = written;
    expect(source?.files.get('fs_ext4_fsync.c')).toContain('#define static_key_false(key)');
    const symbols = new Map(source?.manifest.symbols.map((one) => [one.name, one]));
    expect(symbols.get('__tracepoint_ext4_sync_file_enter')).toMatchObject({
      object: 'ext4',
      how: 'klp-relocation',
      kind: 'variable',
    });
    expect(source?.findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  it('are little more than the replaced functions', () => {
    for (const { lines } of written) {
      expect(lines.patched).toBeGreaterThan(10);
      expect(lines.all).toBeLessThan(3 * lines.patched);
    }
  });

  it('load, do what the fix says, and are taken back', () => {
    expect(proof.verdict, formatProof(proof)).toBe('proven');
  });
});
