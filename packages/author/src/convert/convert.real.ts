import { Refusal } from '@klpkit/findings';
import { readElf, readSymbols } from '@klpkit/formats';
import { addKernel, type Kernel, loadImage } from '@klpkit/kernel';
import { type Manifest, readLivepatch } from '@klpkit/livepatch';
import { beforeAll, describe, expect, it } from 'vitest';
import { convertModule } from './index.ts';
import { type MadeModule, makeModule, makeObject } from './testing/module.ts';

const head =
  '#include <linux/module.h>\n#include <linux/livepatch.h>\n#include <linux/seq_file.h>\n#include <linux/fs.h>\n';
const tail = `
static int __init start(void) { return klp_enable_patch(&patch); }
static void __exit stop(void) { }
module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
`;
const table = (body: string) => `${head}${body}
static struct klp_func status[] = { { .old_name = "bm_status_read", .new_func = klpp_bm_status_read }, { } };
static struct klp_func core[] = { { .old_name = "cmdline_proc_show", .new_func = klpp_cmdline_proc_show }, { } };
static struct klp_object objs[] = { { .name = "binfmt_misc", .funcs = status }, { .funcs = core }, { } };
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objs, .replace = true };
${tail}`;
const functions = (inShow: string, inRead: string) => `
static int klpp_cmdline_proc_show(struct seq_file *m, void *v) { seq_printf(m, "%lx", (long)(${inShow})); return 0; }
static ssize_t klpp_bm_status_read(struct file *file, char __user *buf, size_t count, loff_t *ppos) { return (long)(${inRead}); }`;

/** The same two references, in three ways. */
const plain = table(`extern char *saved_command_line; extern struct file_system_type bm_fs_type;
${functions('saved_command_line', 'bm_fs_type.name')}`);
const labelled = table(`extern char *a asm("\\".klp.sym.rela.vmlinux.vmlinux.saved_command_line.0\\"");
extern struct file_system_type b asm("\\".klp.sym.rela.binfmt_misc.binfmt_misc.bm_fs_type,0\\"");
${functions('a', 'b.name')}`);
const listed = table(`struct klp_module_reloc { void *sym; unsigned int sympos; } __attribute__((packed));
extern char *saved_command_line; extern struct file_system_type bm_fs_type;
struct klp_module_reloc one[] __section(".klp.module_relocs.vmlinux") __used = { { &saved_command_line, 1 } };
struct klp_module_reloc two[] __section(".klp.module_relocs.binfmt_misc") __used = { { &bm_fs_type, 0 } };
${functions('saved_command_line', 'bm_fs_type.name')}`);

let kernel: Kernel;
const made = new Map<string, Promise<MadeModule>>();
const make = (text: string): Promise<MadeModule> => {
  const known = made.get(text) ?? makeModule(kernel, 'klp_converted', text);
  made.set(text, known);
  return known;
};
beforeAll(async () => {
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
});

const relocations = (ko: Uint8Array) =>
  readLivepatch(ko)
    .klpRelocations.map(({ patchedObject, symbol, target }) => `${patchedObject} ${symbol} ${target}`)
    .sort();

async function refusal(work: Promise<unknown>): Promise<string[]> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.findings
      .filter(({ severity }) => severity === 'error')
      .map(({ id, what }) => `${id}: ${what}`);
  }
  return [];
}
/** What is refused is refused before the kernel's tools are asked. */
const convert = async (text: string, manifest?: Manifest, manifestName?: string) =>
  convertModule(kernel, 'klp_converted.o', await makeObject(kernel, 'klp_converted', text), {
    manifest,
    manifestName,
  });

const manifest: Manifest = {
  format: 1,
  name: 'klp_converted',
  replace: true,
  sources: [],
  objects: [
    { name: 'binfmt_misc', functions: [{ old: 'bm_status_read', new: 'klpp_bm_status_read', sympos: 0 }] },
    { name: 'vmlinux', functions: [{ old: 'cmdline_proc_show', new: 'klpp_cmdline_proc_show', sympos: 0 }] },
  ],
  symbols: [],
};

describe('a module that refers to unexported symbols', () => {
  const expected = [
    'binfmt_misc .klp.sym.binfmt_misc.bm_fs_type,0 .text.klpp_bm_status_read',
    'vmlinux .klp.sym.vmlinux.saved_command_line,0 .text.klpp_cmdline_proc_show',
  ];

  it('is refused by the kernel as it is', async () => {
    const { ko } = await make(plain);
    expect(readLivepatch(ko).undefinedSymbols.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['saved_command_line', 'bm_fs_type']),
    );
    expect(readLivepatch(ko).klpRelocations).toEqual([]);
  });

  it('is converted by names that are unique, linked or not, to the same bytes each time', async () => {
    const { ko, object } = await make(plain);
    const linked = await convertModule(kernel, 'klp_converted.ko', ko);
    expect(relocations(linked.module)).toEqual(expected);
    expect(linked.conversions.map(({ symbol, how, uses }) => [symbol, how, uses])).toEqual([
      ['bm_fs_type', 'inferred', 1],
      ['saved_command_line', 'inferred', 1],
    ]);
    expect((await convertModule(kernel, 'klp_converted.ko', ko)).module).toEqual(linked.module);
    const finished = await convertModule(kernel, 'klp-converted.o', object);
    expect(finished.name).toBe('klp_converted');
    expect(relocations(finished.module)).toEqual(expected);
    expect((await convertModule(kernel, 'klp-converted.o', object)).module).toEqual(finished.module);
  });

  it.each([
    ['labels', () => labelled, 0],
    ['arrays', () => listed, 1],
  ])('is converted by %s', async (_, text, sympos) => {
    const { ko, object } = await make(text());
    const other = expected.map((one) => one.replace('saved_command_line,0', `saved_command_line,${sympos}`));
    for (const [file, bytes] of [
      ['klp_converted.ko', ko],
      ['klp_converted.o', object],
    ] as const) {
      const { module, conversions } = await convertModule(kernel, file, bytes);
      expect(relocations(module)).toEqual(other);
      expect(conversions.map(({ how }) => how)).toEqual(['annotation', 'annotation']);
      expect(readLivepatch(module).undefinedSymbols.filter(({ name }) => name.includes('klp.sym'))).toEqual(
        [],
      );
    }
  });

  it('is converted by a manifest, which knows other names and positions', async () => {
    const text = table(`extern int the_second(void); extern int number;
${functions('the_second()', 'number')}`);
    const { module } = await convert(text, {
      ...manifest,
      symbols: [
        {
          name: 'the_second',
          symbol: 'get_name',
          object: 'vmlinux',
          sympos: 2,
          kind: 'function',
          how: 'klp-relocation',
        },
        {
          name: 'number',
          symbol: 'bm_fs_type',
          object: 'binfmt_misc',
          sympos: 0,
          kind: 'variable',
          how: 'klp-relocation',
        },
      ],
    });
    expect(relocations(module)).toEqual([
      'binfmt_misc .klp.sym.binfmt_misc.bm_fs_type,0 .text.klpp_bm_status_read',
      'vmlinux .klp.sym.vmlinux.get_name,2 .text.klpp_cmdline_proc_show',
    ]);
  });

  it('takes what the patched module depends on, and is freed of depending on it before modpost', async () => {
    const { ko, object } = await make(`${head}#include <linux/skbuff.h>
int can_send(struct sk_buff *skb, int loop);
static int klpp_raw_getname(void *sock, void *uaddr, int peer) { return can_send(NULL, 0); }
static struct klp_func raw[] = { { .old_name = "raw_getname", .new_func = klpp_raw_getname }, { } };
static struct klp_object objs[] = { { .name = "can_raw", .funcs = raw }, { } };
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objs };
${tail}`);
    const expected = ['can_raw .klp.sym.can.can_send,0 .text.klpp_raw_getname'];
    const linked = await convertModule(kernel, 'klp_converted.ko', ko);
    expect(relocations(linked.module)).toEqual(expected);
    expect(linked.findings.filter(({ severity }) => severity === 'warning').map(({ id }) => id)).toEqual([
      'KLP304',
    ]);
    const finished = await convertModule(kernel, 'klp_converted.o', object);
    expect(relocations(finished.module)).toEqual(expected);
    expect(finished.findings.filter(({ severity }) => severity === 'warning')).toEqual([]);
  });

  it('resolves symbols of vmlinux in its own section whatever a label says', async () => {
    const text = table(`extern int a asm("\\".klp.sym.rela.binfmt_misc.vmlinux.saved_command_line.0\\"");
${functions('1', 'a')}`);
    const { module, findings } = await convert(text);
    expect(relocations(module)).toEqual([
      'vmlinux .klp.sym.vmlinux.saved_command_line,0 .text.klpp_bm_status_read',
    ]);
    expect(findings.filter(({ id }) => id === 'KLP303').map(({ severity }) => severity)).toEqual(['note']);
  });
});

describe('what cannot be converted is refused for all reasons at once', () => {
  it.each<[string, () => string, string[]]>([
    [
      'names',
      () =>
        table(`extern int nothing_there(void), get_name(void), start_kernel(void), can_send(void), vfs_opne(void);
${functions('nothing_there() + get_name() + start_kernel() + vfs_opne()', 'can_send()')}`),
      [
        'KLP304: the module can exports can_send, and binfmt_misc does not depend on that module',
        'KLP204: get_name is 2 times in vmlinux, and nothing says which is meant',
        'KLP301: vmlinux has no symbol nothing_there',
        'KLP314: start_kernel of vmlinux is initial code or data',
        'KLP301: vmlinux has no symbol vfs_opne',
      ],
    ],
    [
      'labels',
      () =>
        table(`extern int a asm("\\".klp.sym.rela.vmlinux.vmlinux.nothing_there.0\\"");
extern int b asm("\\".klp.sym.rela.ext4.ext4.ext4_fs_type.0\\"");
extern int c asm("\\".klp.sym.rela.vmlinux.binfmt_misc.bm_fs_type.0\\"");
extern int d asm("\\".klp.sym.rela.vmlinux.no_module.x.0\\"");
extern int e asm("\\".klp.sym.rela.vmlinux.vmlinux.get_name.3\\"");
extern int f asm("\\".klp.sym.rela.x\\"");
${functions('a + c + e + f', 'b + d')}`),
      [
        'KLP302: .klp.sym.rela.x is no annotation that can be read',
        'klp-orphan: .klp.sym.rela.ext4.ext4.ext4_fs_type.0 is to be resolved with ext4, which the livepatch does not patch',
        'klp-module-from-vmlinux: code that patches vmlinux refers to .klp.sym.rela.vmlinux.binfmt_misc.bm_fs_type.0 of the module binfmt_misc',
        'klp-module-from-vmlinux: code that patches vmlinux refers to .klp.sym.rela.vmlinux.no_module.x.0 of the module no_module',
        'KLP203: vmlinux has 2 symbols get_name, position 3 is asked for',
        'KLP203: vmlinux has no symbol nothing_there',
      ],
    ],
    [
      'a static key of a module',
      () =>
        table(`#include <linux/jump_label.h>
extern struct static_key_false k asm("\\".klp.sym.rela.binfmt_misc.binfmt_misc.bm_fs_type.0\\"");
${functions('1', 'static_branch_unlikely(&k) ? 5 : 6')}`),
      [
        'KLP310: a static key or tracepoint in code for binfmt_misc needs bm_fs_type of the module binfmt_misc',
      ],
    ],
    [
      'no livepatch',
      () => `${head}extern char *saved_command_line;
static int __init start(void) { return saved_command_line[0]; }
module_init(start);
MODULE_LICENSE("GPL");`,
      ['KLP201: the module is no livepatch: it is not marked as one'],
    ],
    [
      'exports alone',
      () => table(functions('1', '2')),
      ['nothing-to-convert: every symbol that the module refers to is exported: nothing is to be converted'],
    ],
  ])('%s', async (_, text, reasons) => {
    expect(await refusal(convert(text()))).toEqual(reasons);
  });

  it('a function that is left as a clone alone, with the number of its pitfall', async () => {
    const symbols = (await loadImage(kernel)).symbols;
    const alone = (suffix: RegExp): string => {
      for (let index = 0; index < symbols.count; index++) {
        const name = symbols.name(index);
        const stem = /^([a-z_]\w{8,})\.(\w+\.\d+)$/.exec(name);
        if (stem && suffix.test(stem[2] ?? '') && symbols.find(stem[1] as string).length === 0)
          return stem[1] as string;
      }
      throw new Error('the kernel has none');
    };
    const [isra, constprop] = [alone(/^isra/), alone(/^constprop/)];
    const found = await refusal(
      convert(
        table(
          `extern int ${isra}(void), ${constprop}(void);\n${functions(`${isra}() + ${constprop}()`, '1')}`,
        ),
      ),
    );
    expect(found.map((one) => one.slice(0, 6)).sort()).toEqual(['KLP106', 'KLP107']);
  });

  it('a manifest that contradicts the module, and one for another kernel', async () => {
    const symbol = { object: 'vmlinux', sympos: 0, kind: 'variable', how: 'klp-relocation' } as const;
    const found = await refusal(
      convert(labelled, {
        ...manifest,
        name: 'livepatch_other',
        kernel: { id: 'debian:6.1' },
        objects: [
          {
            name: 'vmlinux',
            functions: [{ old: 'version_proc_show', new: 'klpp_cmdline_proc_show', sympos: 0 }],
          },
        ],
        symbols: [
          { ...symbol, name: 'patch', symbol: 'saved_command_line' },
          { ...symbol, name: 'seq_printf', how: 'exported' },
        ],
      }),
    );
    expect(found).toEqual([
      'manifest: the manifest is for debian:6.1, not for debian:6.12.117+deb12-amd64',
      'manifest: the manifest is of livepatch_other, the module is klp_converted',
      'manifest: the manifest contradicts the module: the module does not patch vmlinux: version_proc_show,0; the manifest does not know binfmt_misc: bm_status_read,0, vmlinux: cmdline_proc_show,0',
    ]);
  });

  it('a manifest is called by the name that its file has', async () => {
    const other = convert(labelled, { ...manifest, name: 'livepatch_other' }, 'mine.json');
    const refused = (await other.catch((error: unknown) => error)) as Refusal;
    expect(refused.findings.find(({ id }) => id === 'manifest')?.at).toEqual({
      file: 'mine.json',
      symbol: 'name',
    });
  });

  it('what is converted already, and what is no module', async () => {
    const { module } = await convert(plain);
    expect(await refusal(convertModule(kernel, 'x.ko', module))).toEqual([
      'klp-already-converted: the module is converted already: 2 KLP relocations of 2 symbols',
    ]);
    await expect(convertModule(kernel, 'x.ko', new TextEncoder().encode('no module'))).rejects.toThrow(
      /^x\.ko: /,
    );
    expect(readSymbols(readElf(module)).count).toBeGreaterThan(1);
  });
});
