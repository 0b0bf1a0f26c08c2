import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Refusal } from '@klpkit/findings';
import { addKernel, type Kernel } from '@klpkit/kernel';
import { type Manifest, readLivepatch } from '@klpkit/livepatch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildFolder } from './index.ts';

const manifest: Manifest = {
  format: 1,
  name: 'livepatch_cmdline',
  replace: true,
  sources: [
    { file: 'cmdline.c', object: 'vmlinux', unit: 'fs/proc/cmdline.c' },
    { file: 'status.c', object: 'binfmt_misc', unit: 'fs/binfmt_misc.c' },
  ],
  objects: [
    {
      name: 'vmlinux',
      functions: [{ old: 'cmdline_proc_show', new: 'klpp_cmdline_proc_show', sympos: 0 }],
    },
    { name: 'binfmt_misc', functions: [{ old: 'bm_status_read', new: 'klpp_bm_status_read', sympos: 0 }] },
  ],
  symbols: [
    { name: 'saved_command_line', object: 'vmlinux', sympos: 0, kind: 'variable', how: 'klp-relocation' },
    {
      name: 'fs_type',
      symbol: 'bm_fs_type',
      object: 'binfmt_misc',
      sympos: 0,
      kind: 'variable',
      how: 'klp-relocation',
    },
  ],
};

const cmdline = `#include <linux/seq_file.h>
#include "shared.h"
int klpp_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%s " SUFFIX "\\n", saved_command_line);
	return 0;
}
`;
const status = `#include <linux/fs.h>
#include "shared.h"
extern struct file_system_type fs_type;
ssize_t klpp_bm_status_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	char text[128];
	int length = scnprintf(text, sizeof(text), KBUILD_MODNAME " %s %.9s\\n", fs_type.name, saved_command_line);
	return simple_read_from_buffer(buf, count, ppos, text, length);
}
`;
const shared = '#define SUFFIX "livepatched"\nextern char *saved_command_line;\n';

const main = `#include <linux/module.h>
#include <linux/livepatch.h>
int klpp_cmdline_proc_show(void *m, void *v);
long klpp_bm_status_read(void *, char *, unsigned long, long long *);
static struct klp_func status[] = { { .old_name = "bm_status_read", .new_func = klpp_bm_status_read }, { } };
static struct klp_func core[] = { { .old_name = "cmdline_proc_show", .new_func = klpp_cmdline_proc_show }, { } };
static int pre(struct klp_object *object) { return 0; }
static struct klp_object objs[] = {
	{ .name = "binfmt_misc", .funcs = status }, { .funcs = core, .callbacks.pre_patch = pre }, { }
};
static struct klp_state states[] = { { .id = 7, .version = 1 }, { } };
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objs, .states = states, .replace = true };
static int __init start(void) { return klp_enable_patch(&patch); }
static void __exit stop(void) { }
module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
`;

let root = '';
let kernel: Kernel;
let number = 0;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'klpkit-folder-test-'));
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function folder(change: Partial<Manifest> = {}, files: Record<string, string> = {}): Promise<string> {
  const path = join(root, `f${number++}`);
  await mkdir(path);
  const all: Record<string, string> = {
    'klpkit.json': JSON.stringify({ ...manifest, ...change }),
    'cmdline.c': cmdline,
    'status.c': status,
    'shared.h': shared,
    ...files,
  };
  for (const [name, text] of Object.entries(all)) await writeFile(join(path, name), text);
  return path;
}

async function refusal(path: string): Promise<string[]> {
  try {
    await buildFolder(kernel, path);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.findings
      .filter(({ severity }) => severity === 'error')
      .map(({ id, what }) => `${id}: ${what}`);
  }
  return [];
}

describe('a folder of C', () => {
  it('has tables that mean the livepatch by THIS_MODULE, whatever the code of a module means by it', async () => {
    const symbol = { name: '__this_module', object: 'binfmt_misc', sympos: 0 } as const;
    const path = await folder(
      {
        main: 'main.c',
        symbols: [...manifest.symbols, { ...symbol, kind: 'variable', how: 'klp-relocation' }],
      },
      { 'main.c': main, 'status.c': `${status}\nstruct module *owner(void) { return THIS_MODULE; }\n` },
    );
    const { module } = await buildFolder(kernel, path);
    const { klpRelocations, patch } = readLivepatch(module);
    expect(patch?.objects).toHaveLength(2);
    const own = klpRelocations.filter(({ name }) => name === '__this_module');
    expect(own.map(({ patchedObject, target }) => `${patchedObject} ${target}`)).toEqual([
      'binfmt_misc .text.owner',
    ]);
  });

  it('becomes a livepatch that refers to private symbols by KLP relocations', async () => {
    const { module, report, findings } = await buildFolder(kernel, await folder());
    expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
    const { klpRelocations, patch } = readLivepatch(module);
    const uses = klpRelocations.map(({ patchedObject, symbol }) => `${patchedObject} ${symbol}`);
    expect([...new Set(uses)].sort()).toEqual([
      'binfmt_misc .klp.sym.binfmt_misc.bm_fs_type,0',
      'vmlinux .klp.sym.vmlinux.saved_command_line,0',
    ]);
    expect(patch?.objects.map(({ name }) => name)).toEqual(['vmlinux', 'binfmt_misc']);
    // The unit's own flags: the name of the patched module, not that of the livepatch.
    expect(Buffer.from(module).includes('binfmt_misc %s')).toBe(true);
    expect(report.relocations.map(({ name, patched, usedBy }) => [name, patched, usedBy])).toEqual([
      ['bm_fs_type', 'binfmt_misc', ['bm_status_read']],
      ['saved_command_line', 'binfmt_misc', ['bm_status_read']],
      ['saved_command_line', 'vmlinux', ['cmdline_proc_show']],
    ]);
    expect(report.sources?.map(({ file, functions }) => [file, functions.map((one) => one.new)])).toEqual([
      ['cmdline.c', ['klpp_cmdline_proc_show']],
      ['status.c', ['klpp_bm_status_read']],
    ]);
    expect(report.exports).toContain('seq_printf');
  });

  it('gives the same bytes wherever it lies, and tables written by hand may hold more than the manifest', async () => {
    const files = { 'main.c': main };
    const first = await buildFolder(kernel, await folder({ main: 'main.c' }, files));
    const second = await buildFolder(kernel, await folder({ main: 'main.c' }, files));
    expect(second.module).toEqual(first.module);
    expect(Buffer.from(first.module).includes(root)).toBe(false);
    const { patch } = readLivepatch(first.module);
    expect(patch?.states).toEqual([{ id: 7, version: 1 }]);
    expect(patch?.objects.map(({ name, callbacks }) => [name, [...callbacks.keys()]])).toEqual([
      ['binfmt_misc', []],
      ['vmlinux', ['pre_patch']],
    ]);
  });

  it('is refused for everything that is wrong at once', async () => {
    const [one, two] = manifest.sources;
    const found = await refusal(
      await folder(
        {
          kernel: { id: 'debian:6.1' },
          sources: [one as never, { ...(two as object), unit: 'fs/exec.c' } as never],
          objects: [
            {
              name: 'vmlinux',
              functions: [
                { old: 'cmdline_proc_sho', new: 'klpp_cmdline_proc_show', sympos: 0 },
                { old: 'do_syscall_64', new: 'klpp_cmdline_proc_show', sympos: 0 },
                { old: 'get_name', new: 'klpp_cmdline_proc_show', sympos: 0 },
              ],
            },
            manifest.objects[1] as never,
          ],
          symbols: [
            { name: 'start_kernel', object: 'vmlinux', sympos: 0, kind: 'function', how: 'klp-relocation' },
            { name: 'jiffies', object: 'vmlinux', sympos: 0, kind: 'function', how: 'klp-relocation' },
            { name: 'bm_fs_typ', object: 'binfmt_misc', sympos: 0, kind: 'variable', how: 'klp-relocation' },
            { name: 'nosuch', object: 'no_module', sympos: 0, kind: 'variable', how: 'klp-relocation' },
            { name: 'can_send', object: 'can', sympos: 0, kind: 'function', how: 'exported' },
          ],
        },
        { 'cmdline.c': 'int broken(void); int broken(void) { return (x, 1); }\n' },
      ),
    );
    expect(found).toEqual([
      'manifest-kernel: the folder was made for debian:6.1, not for debian:6.12.117+deb12-amd64',
      'KLP203: vmlinux has no symbol cmdline_proc_sho',
      'KLP205: do_syscall_64 of vmlinux has no ftrace site at its entry',
      'KLP204: vmlinux has 2 symbols get_name, and no position says which is meant',
      'KLP314: start_kernel of vmlinux is initial code or data',
      'manifest: jiffies of vmlinux is a variable, the manifest says function',
      'KLP203: binfmt_misc has no symbol bm_fs_typ',
      'KLP206: nosuch is said to be of no_module, and the kernel ships no such module',
      'KLP304: can_send is exported by the module can, not by vmlinux',
      'not-built: fs/exec.c is part of vmlinux, not of binfmt_misc',
      "compile-failed: 'x' undeclared (first use in this function)",
    ]);
  });

  it('is refused for what its objects lack', async () => {
    const files = {
      'cmdline.c': `${cmdline.replace('int klpp_cmdline', 'static noinline int klpp_cmdline')}
int vfs_opne(void), bm_get(void); extern int fs_type;
int other(void); int other(void) { return vfs_opne() + bm_get() + fs_type + klpp_cmdline_proc_show(0, 0); }`,
      'status.c': `${status}
extern int nothing_of_the_kind(void); int saved; int more(void); int more(void) { return nothing_of_the_kind(); }`,
    };
    const found = await refusal(await folder({}, files));
    expect(found).toEqual([
      'manifest: klpp_cmdline_proc_show in cmdline.c is static',
      'KLP301: cmdline.c refers to bm_get, which neither the kernel nor the folder has',
      'klp-module-from-vmlinux: code that patches vmlinux refers to bm_fs_type of the module binfmt_misc',
      'KLP301: cmdline.c refers to vfs_opne, which neither the kernel nor the folder has',
      'KLP301: status.c refers to nothing_of_the_kind, which neither the kernel nor the folder has',
    ]);
  });

  it('is refused when its tables are not those of the manifest', async () => {
    const files = { 'main.c': main.replace('"cmdline_proc_show"', '"version_proc_show"') };
    const found = await refusal(await folder({ main: 'main.c' }, files));
    expect(found).toEqual([
      'livepatch-not-as-planned: the tables that are written in C are not those of the manifest',
    ]);
  });

  it('reads nothing outside of itself', async () => {
    const path = await folder();
    await writeFile(join(root, 'outside.c'), cmdline);
    await rmSync(join(path, 'cmdline.c'));
    await symlink(join(root, 'outside.c'), join(path, 'cmdline.c'));
    expect(await refusal(path)).toEqual(['manifest: cmdline.c: it leads out of the folder']);
    await expect(buildFolder(kernel, root)).rejects.toThrow('there is no klpkit.json in this folder');
  });
});
