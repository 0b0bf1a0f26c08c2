import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Refusal } from '@klpkit/findings';
import { addKernel, type Kernel } from '@klpkit/kernel';
import { createTwoFilesPatch } from 'diff';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeSource } from './source.ts';
import { verifySource } from './verify.ts';

let kernel: Kernel;
beforeAll(async () => {
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
});

/** A fix of one file of the kernel's source. */
async function fix(path: string, from: string, to: string) {
  const before = await readFile(join(kernel.sourceDir, path), 'utf8');
  expect(before).toContain(from);
  const text = createTwoFilesPatch(`a/${path}`, `b/${path}`, before, before.replace(from, to));
  return [{ name: 'folder/fix.patch', text }];
}

describe('a fix of the kernel', () => {
  it('becomes readable C with a manifest, the same each time, and agrees with the binary route', async () => {
    const patches = await fix(
      'fs/proc/version.c',
      '\t\tutsname()->version);\n',
      '\t\tutsname()->version);\n\t/* Seen in /proc. */\n\tseq_puts(m, "patched\\n");\n',
    );
    const options = { name: 'livepatch_version' };
    const verified = await verifySource(kernel, patches, options);
    if (!('source' in verified)) throw new Error('nothing was written');
    const { source, agreement } = verified;
    expect([...source.files.keys()].sort()).toEqual(['Kbuild', 'fs_proc_version.c', 'klpkit.json', 'main.c']);
    const text = source.files.get('fs_proc_version.c') ?? '';
    expect(text.split('\n', 1)[0]).toBe('// SPDX-License-Identifier: GPL-2.0');
    expect(text).toContain(
      `Livepatch of fs/proc/version.c in vmlinux, made for ${kernel.id} from fix.patch.`,
    );
    expect(text).toContain('/* fs/proc/version.c: replaced, the fix changes its code. */');
    // As it was formatted, with comments; `static` is taken away, since the tables refer to it.
    expect(text).toContain(
      '\nint klpp_version_proc_show(struct seq_file *m, void *v)\n{\n\tseq_printf(m, linux_proc_banner,\n',
    );
    expect(text).toContain('\t/* Seen in /proc. */\n');
    expect(text).not.toContain('proc_version_init');
    expect(text).not.toContain('internal.h');
    expect(source.manifest).toMatchObject({
      name: 'livepatch_version',
      replace: true,
      kernel: { id: kernel.id, release: kernel.release },
      sources: [{ file: 'fs_proc_version.c', object: 'vmlinux', unit: 'fs/proc/version.c' }],
      objects: [
        {
          name: 'vmlinux',
          functions: [{ old: 'version_proc_show', new: 'klpp_version_proc_show', sympos: 0 }],
        },
      ],
      symbols: [
        { name: 'linux_proc_banner', object: 'vmlinux', sympos: 0, kind: 'variable', how: 'klp-relocation' },
      ],
      author: { patches: ['fix.patch'] },
    });
    const main = source.files.get('main.c') ?? '';
    expect(main).toContain('{ .old_name = "version_proc_show", .new_func = klpp_version_proc_show },');
    expect(main).toContain('{ .funcs = vmlinux_functions },');
    expect(source.manifest.main).toBe('main.c');
    expect(source.files.get('Kbuild')).toContain('livepatch_version-y := fs_proc_version.o main.o');
    expect(agreement).toMatchObject({
      agrees: true,
      functions: ['vmlinux:version_proc_show,0'],
      symbols: ['vmlinux:linux_proc_banner,0'],
      code: [{ verdict: 'same' }],
      differences: [],
    });
    const again = await writeSource(kernel, patches, options);
    expect(again.outcome === 'written' && [...again.files]).toEqual([...source.files]);
  });

  it('refers to a table of operations that a function holds, which outlives the livepatch', async () => {
    const written = await writeSource(
      kernel,
      await fix('mm/mlock.c', '&mlock_walk_ops, NULL);\n', '&mlock_walk_ops, NULL);\n\tlru_add_drain();\n'),
      { name: 'livepatch_mlock' },
    );
    if (written.outcome !== 'written') throw new Error(written.outcome);
    const [own] = written.manifest.symbols.filter(({ symbol }) => symbol?.startsWith('mlock_walk_ops.'));
    expect(own).toMatchObject({ object: 'vmlinux', kind: 'variable', how: 'klp-relocation' });
    const text = written.files.get('mm_mlock.c') ?? '';
    expect(text).toContain(`extern const struct mm_walk_ops ${own?.name};`);
    expect(text).toContain(`&${own?.name}, NULL);`);
    expect(text).not.toContain('.walk_lock');
  });

  it('of a template in the middle of a source is refused, and the template is named', async () => {
    const patches = await fix(
      'arch/x86/kvm/mmu/paging_tmpl.h',
      'if (KVM_BUG_ON(is_long_mode(vcpu) && !is_pae(vcpu), vcpu->kvm)',
      'if (!vcpu || KVM_BUG_ON(is_long_mode(vcpu) && !is_pae(vcpu), vcpu->kvm)',
    );
    const refused = await writeSource(kernel, patches, { name: 'livepatch_template' }).catch(
      (error: unknown) => error,
    );
    if (!(refused instanceof Refusal)) throw refused;
    const errors = refused.findings.filter(({ severity }) => severity === 'error');
    expect(new Set(errors.map(({ id }) => id))).toEqual(new Set(['source-template']));
    expect(errors.map(({ at }) => at?.symbol)).toContain('paging64_walk_addr_generic');
    for (const { what } of errors) expect(what).toContain('#include "paging_tmpl.h"');
  });
});
