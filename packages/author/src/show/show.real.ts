import { readFile } from 'node:fs/promises';
import { addKernel, listModules, loadModule } from '@klpkit/kernel';
import { expect, it } from 'vitest';
import { makeModule } from '../convert/testing/module.ts';
import { disassemble, showFile } from './index.ts';

const source = `#include <linux/module.h>
#include <linux/livepatch.h>
#include <linux/seq_file.h>
static int klpp_version_proc_show(struct seq_file *m, void *v) { seq_puts(m, "patched\\n"); return 0; }
static ssize_t klpp_bm_status_read(struct file *file, char __user *buf, size_t count, loff_t *ppos) { return 0; }
static struct klp_func core[] = { { .old_name = "version_proc_show", .new_func = klpp_version_proc_show }, { } };
static struct klp_func status[] = { { .old_name = "bm_status_read", .new_func = klpp_bm_status_read }, { } };
static struct klp_object objs[] = { { .funcs = core }, { .name = "binfmt_misc", .funcs = status }, { } };
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objs, .replace = true };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
`;

it('shows the image and the modules of a kernel, and puts a function beside the shipped one', async () => {
  const kernel = await addKernel('debian:6.12.117+deb12-amd64');
  const image = await showFile('vmlinuz', await readFile(kernel.vmlinuz));
  if (image.kind !== 'kernel') throw new Error(image.kind);
  expect(image.release).toBe(kernel.release);
  expect(image.symbols.functions).toBeGreaterThan(50_000);
  expect(image.types?.structures).toBeGreaterThan(10_000);
  expect(image.facts.every(({ isGood }) => isGood)).toBe(true);

  const file = (await listModules(kernel)).find(({ name }) => name === 'binfmt_misc');
  const module = await showFile('binfmt_misc.ko.xz', await readFile(file?.path ?? ''));
  if (module.kind !== 'module') throw new Error(module.kind);
  expect(module.isSigned).toBe(true);
  expect(module.functions.map(({ name }) => name)).toContain('bm_status_read');
  const { symbols, find } = await loadModule(kernel, 'binfmt_misc');
  expect(module.functions.find(({ name }) => name === 'bm_status_read')?.size).toBe(
    symbols.size[find('bm_status_read')[0] as number],
  );

  const { ko } = await makeModule(kernel, 'klp_shown', source);
  const version = await disassemble('a.ko', ko, 'version_proc_show', kernel);
  expect(version.shipped).toMatchObject({ object: 'vmlinux', name: 'version_proc_show' });
  const rows = version.shipped?.rows ?? [];
  expect(rows[0]).toMatchObject({ kind: 'same', before: { text: 'endbr64' }, after: { text: 'endbr64' } });
  expect(rows.some(({ before }) => before?.text === 'call seq_printf')).toBe(true);
  expect(rows.some(({ before }) => before?.text.includes('linux_proc_banner'))).toBe(true);
  const status = await disassemble('a.ko', ko, 'bm_status_read', kernel);
  expect(status.shipped?.rows.some(({ before }) => before?.text === 'jmp simple_read_from_buffer')).toBe(
    true,
  );
});
