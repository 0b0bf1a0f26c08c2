import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addKernel, moduleSymvers } from '@klpkit/kernel';
import { manifestText, readLivepatch } from '@klpkit/livepatch';
import { formatProof, proveLivepatch } from '@klpkit/prove';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildFolder } from '../folder/index.ts';
import { convertModule } from './index.ts';
import { makeModule } from './testing/module.ts';

/** Both call a function of vmlinux that is not exported, and a static function of the module that they patch. */
const body = (show: string, read: string, scan: string) => `
int nr_processes(void);
char *${scan}(char *s, char del);
${show}(struct seq_file *m, void *v)
{
	seq_printf(m, "%s\\n", nr_processes() > 0 ? "reached vmlinux" : "reached nothing");
	return 0;
}
${read}(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	char words[] = "reached:binfmt_misc", text[64];
	int length = scnprintf(text, sizeof(text), "%s %s\\n", words, ${scan}(words, ':'));
	return simple_read_from_buffer(buf, count, ppos, text, length);
}
`;
const headers = '#include <linux/seq_file.h>\n#include <linux/fs.h>\n';
const kbuild = `#include <linux/module.h>
#include <linux/livepatch.h>
${headers}${body('static int new_show', 'static ssize_t new_read', 'scanarg')}
static struct klp_func core[] = { { .old_name = "cmdline_proc_show", .new_func = new_show }, { } };
static struct klp_func status[] = { { .old_name = "bm_status_read", .new_func = new_read }, { } };
static struct klp_object objs[] = { { .funcs = core }, { .name = "binfmt_misc", .funcs = status }, { } };
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objs };
static int __init start(void) { return klp_enable_patch(&patch); }
static void __exit stop(void) { }
module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
`;

const show = { command: 'cat /proc/cmdline', expectPatched: 'reached vmlinux' };
const read = {
  command:
    'mkdir -p /tmp/b && mount -t binfmt_misc none /tmp/b && cat /tmp/b/status && cat /tmp/b/status > /dev/null; umount /tmp/b',
  expectBefore: 'enabled',
  expectPatched: 'reached binfmt_misc',
  expectReverted: 'enabled',
};
const objects = [
  { name: 'vmlinux', functions: ['cmdline_proc_show'] },
  { name: 'binfmt_misc', functions: ['bm_status_read'] },
];

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-boot-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('a converted module and a folder of C call private functions of vmlinux and of a module', async () => {
  const kernel = await addKernel('debian:6.12.117+deb12-amd64');
  expect((await moduleSymvers(kernel)).has('nr_processes')).toBe(false);
  const { ko } = await makeModule(kernel, 'klp_converted', kbuild);
  const converted = await convertModule(kernel, 'klp_converted.ko', ko);

  await writeFile(
    join(folder, 'show.c'),
    headers +
      body('int new_show', 'ssize_t __used unused', 'scan_stub').replace(
        'char *scan_stub(char *s, char del);',
        'static char *scan_stub(char *s, char del) { return s; }',
      ),
  );
  await writeFile(
    join(folder, 'read.c'),
    headers + body('int __used unused_show', 'ssize_t new_read', 'scan'),
  );
  const symbol = { sympos: 0, kind: 'function', how: 'klp-relocation' } as const;
  await writeFile(
    join(folder, 'klpkit.json'),
    manifestText({
      format: 1,
      name: 'klp_folder',
      replace: false,
      sources: [
        { file: 'show.c', object: 'vmlinux', unit: 'fs/proc/cmdline.c' },
        { file: 'read.c', object: 'binfmt_misc', unit: 'fs/binfmt_misc.c' },
      ],
      objects: [
        { name: 'vmlinux', functions: [{ old: 'cmdline_proc_show', new: 'new_show', sympos: 0 }] },
        { name: 'binfmt_misc', functions: [{ old: 'bm_status_read', new: 'new_read', sympos: 0 }] },
      ],
      symbols: [
        { ...symbol, name: 'nr_processes', object: 'vmlinux' },
        { ...symbol, name: 'scan', symbol: 'scanarg', object: 'binfmt_misc' },
      ],
    }),
  );
  const built = await buildFolder(kernel, folder);
  for (const module of [converted.module, built.module])
    expect(
      new Set(readLivepatch(module).klpRelocations.map((one) => `${one.patchedObject} ${one.name}`)),
    ).toEqual(new Set(['vmlinux nr_processes', 'binfmt_misc scanarg']));

  const proof = await proveLivepatch(kernel, {
    livepatches: [
      { module: converted.module, name: 'klp_converted', objects, checks: [show, read] },
      { module: built.module, name: 'klp_folder', objects, checks: [show, read] },
    ],
    jobs: 1,
  });
  const text = formatProof(proof);
  expect(
    proof.livepatches.map(({ name, verdict }) => `${name} ${verdict}`),
    text,
  ).toEqual(['klp_converted proven', 'klp_folder proven']);
  expect(proof.livepatches.flatMap(({ findings }) => findings)).toEqual([]);
});
