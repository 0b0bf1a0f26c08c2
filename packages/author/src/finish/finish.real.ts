import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Refusal } from '@klpkit/findings';
import { findSection, readElf, readSymbols, SHN } from '@klpkit/formats';
import { addKernel, type Kernel, moduleSymvers } from '@klpkit/kernel';
import { checkRules, type Placeholder, readLivepatch } from '@klpkit/livepatch';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildFromC, type FactsOfKernel, kernelFacts, type SourceRequest } from './index.ts';
import { loadRecipe } from './recipe.ts';

const cmdlineShow = `
#include <linux/seq_file.h>
extern char *ref_command_line;
int __klpkit_new_0_cmdline_proc_show(struct seq_file *m, void *v);
int __klpkit_new_0_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%s livepatched\\n", ref_command_line);
	return 0;
}
`;

const statusRead = `
#include <linux/fs.h>
extern struct file_system_type ref_fs_type;
extern char *ref_command_line;
ssize_t __klpkit_new_1_bm_status_read(struct file *, char __user *, size_t, loff_t *);
ssize_t __klpkit_new_1_bm_status_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	char text[128];
	int length = scnprintf(text, sizeof(text), "livepatched %s %.9s\\n", ref_fs_type.name, ref_command_line);
	return simple_read_from_buffer(buf, count, ppos, text, length);
}
`;

const commandLine: Placeholder = {
  symbol: 'ref_command_line',
  object: 'vmlinux',
  name: 'saved_command_line',
  sympos: 0,
  patched: 'vmlinux',
};
const fsType: Placeholder = {
  symbol: 'ref_fs_type',
  object: 'binfmt_misc',
  name: 'bm_fs_type',
  sympos: 0,
  patched: 'binfmt_misc',
};

/** A livepatch of one function of vmlinux. */
const builtIn: SourceRequest = {
  plan: {
    name: 'klpkit_test_cmdline',
    replace: true,
    objects: [
      {
        name: 'vmlinux',
        functions: [
          { oldName: 'cmdline_proc_show', sympos: 0, newSymbol: '__klpkit_new_0_cmdline_proc_show' },
        ],
      },
    ],
  },
  sources: [{ name: 'cmdline.c', text: cmdlineShow }],
  placeholders: [commandLine],
};

/** A livepatch of one function of a module, which refers to the module and to vmlinux. */
const modular: SourceRequest = {
  plan: {
    name: 'klpkit_test_binfmt',
    replace: false,
    objects: [
      {
        name: 'binfmt_misc',
        functions: [{ oldName: 'bm_status_read', sympos: 0, newSymbol: '__klpkit_new_1_bm_status_read' }],
      },
    ],
  },
  sources: [{ name: 'status.c', text: statusRead }],
  placeholders: [fsType, { ...commandLine, patched: 'binfmt_misc' }],
};

/** The same with an unexported tracepoint: a static key and a static call, which objtool knows by their names. */
const traced: SourceRequest = {
  ...builtIn,
  sources: [
    {
      name: 'traced.c',
      text: cmdlineShow
        .replace('#include', '#include <trace/events/net.h>\n#include')
        .replace('return 0', 'trace_netif_rx(NULL);\n\treturn 0'),
    },
  ],
  placeholders: [
    commandLine,
    ...['__tracepoint_netif_rx', '__SCT__tp_func_netif_rx', '__SCK__tp_func_netif_rx'].map((name) => ({
      ...commandLine,
      symbol: name,
      name,
    })),
  ],
};

async function refusal(work: Promise<unknown>): Promise<string[]> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Refusal) return error.findings.map(({ id, what }) => `${id}: ${what}`);
    throw error;
  }
  return [];
}

describe.each([
  ['debian:6.12.117+deb12-amd64', 'linked'],
  ['debian:6.1', 'objects'],
])('a livepatch for %s', (spec, objtoolOn) => {
  let kernel: Kernel;
  let known: FactsOfKernel;
  beforeAll(async () => {
    kernel = await addKernel(spec);
    known = await kernelFacts(kernel, ['binfmt_misc']);
  });

  it('is made as the makefiles of its kernel say', async () => {
    const recipe = await loadRecipe(kernel);
    expect(recipe.objtoolOn).toBe(objtoolOn);
    const config = await readFile(join(kernel.headersDir, '.config'), 'utf8');
    const hasIbt = config.includes('\nCONFIG_X86_KERNEL_IBT=y\n');
    expect(recipe.objtool?.includes('--ibt')).toBe(hasIbt);
    expect(recipe.objtool?.includes('--link')).toBe(hasIbt);
    expect(recipe.objtool).toEqual(expect.arrayContaining(['--orc', '--retpoline', '--module']));
    expect(recipe.compileCommon !== undefined).toBe(kernel.moduleCommon !== undefined);
    expect(JSON.stringify(recipe)).not.toContain('klpkit_recipe');
  });

  it('holds what was planned, has the marks of a finished module and no debug information', async () => {
    const { ko, findings, commands, name } = await buildFromC(kernel, { ...builtIn, facts: known });
    expect(findings).toEqual([]);
    expect(commands.map(({ step }) => step)).toContain('modpost');
    const livepatch = readLivepatch(ko, known.layout);
    expect(livepatch.name).toBe(name);
    expect(livepatch.vermagic).toBe(known.facts.vermagic);
    expect(livepatch.patch?.replace).toBe(true);
    expect(livepatch.klpRelocations.map(({ symbol }) => symbol)).toContain(
      '.klp.sym.vmlinux.saved_command_line,0',
    );
    expect(livepatch.versions.has('module_layout')).toBe(true);
    const elf = readElf(ko);
    const sections = elf.sections.map((section) => section.name);
    expect(sections).toEqual(
      expect.arrayContaining(['.orc_unwind', '.return_sites', '__mcount_loc', '__versions']),
    );
    expect(sections.filter((section) => /debug|BTF/.test(section))).toEqual([]);
    const symbols = readSymbols(elf);
    for (let index = 1; index < symbols.count; index++)
      if (symbols.name(index).startsWith('.klp.sym.')) expect(symbols.section[index]).toBe(SHN.LIVEPATCH);
  });

  it('parts the references of a module from those of vmlinux', async () => {
    const { ko, findings } = await buildFromC(kernel, { ...modular, facts: known });
    // 6.1 does not take the relocations back when the module goes.
    expect(findings.map(({ id }) => id)).toEqual(objtoolOn === 'objects' ? ['klp-target-reload'] : []);
    const { klpRelocations, patch } = readLivepatch(ko, known.layout);
    const uses = klpRelocations.map(({ patchedObject, symbol }) => `${patchedObject} ${symbol}`);
    expect([...new Set(uses)].sort()).toEqual([
      'binfmt_misc .klp.sym.binfmt_misc.bm_fs_type,0',
      'vmlinux .klp.sym.vmlinux.saved_command_line,0',
    ]);
    expect(patch?.objects.map(({ name }) => name)).toEqual(['binfmt_misc']);
  });

  it('keeps the static calls and keys of unexported tracepoints', async () => {
    const { ko, findings } = await buildFromC(kernel, { ...traced, facts: known });
    expect(findings).toEqual([]);
    const { klpRelocations } = readLivepatch(ko, known.layout);
    const uses = klpRelocations.map(({ target, name }) => `${target} ${name}`);
    // The trampoline and its key; without the key's symbol objtool would take the trampoline for it.
    expect(uses).toContain('.static_call_sites __SCK__tp_func_netif_rx');
    expect(uses).toContain('__jump_table __tracepoint_netif_rx');
    expect(uses.some((use) => /^\.text\S* __SCT__tp_func_netif_rx$/.test(use))).toBe(true);
  });

  it('is the same, byte for byte, in another folder', async () => {
    const first = await buildFromC(kernel, { ...modular, facts: known });
    const second = await buildFromC(kernel, { ...modular, facts: known });
    expect(second.ko).toEqual(first.ko);
    expect(Buffer.from(first.ko).includes('/tmp/')).toBe(false);
    expect(Buffer.from(first.ko).includes(kernel.dir)).toBe(false);
  });

  it('is refused when a symbol is neither exported nor a placeholder', async () => {
    const found = await refusal(buildFromC(kernel, { ...builtIn, placeholders: [], facts: known }));
    expect(found).toEqual([
      'KLP301: the livepatch refers to ref_command_line, which the kernel does not export',
    ]);
  });

  it('is refused for exports in a namespace and exports of modules', async () => {
    const symvers = await moduleSymvers(kernel);
    const spaced = [...symvers].find(
      ([, { owner, namespace }]) => owner === 'vmlinux' && namespace !== undefined,
    );
    const name = spaced?.[0] ?? '';
    expect(name).not.toBe('');
    const text = `${cmdlineShow}
extern int ${name}(void), can_send(void);
int other(void); int other(void) { return can_send() + ${name}(); }`;
    const found = await refusal(
      buildFromC(kernel, { ...builtIn, sources: [{ name: 'a.c', text }], facts: known }),
    );
    const namespace = spaced?.[1].namespace;
    expect(found.sort()).toEqual([
      `KLP224: the livepatch refers to ${name}, which is exported in the namespace ${namespace} only`,
      'KLP304: the livepatch refers to can_send, which the module net/can/can exports',
    ]);
  });

  it('is refused when the kernel would not find the function', async () => {
    const [object] = builtIn.plan.objects;
    const functions = [{ ...object.functions[0], oldName: 'no_such_function' }];
    const plan = { ...builtIn.plan, objects: [{ ...object, functions }] };
    expect(await refusal(buildFromC(kernel, { ...builtIn, plan, facts: known }))).toEqual([
      'KLP203: vmlinux has no symbol no_such_function',
    ]);
  });

  it('knows which functions ftrace can divert, and how many have a name', () => {
    const { facts } = known;
    expect(facts.isTraceable?.('vmlinux', 'cmdline_proc_show', 0)).toBe(true);
    expect(facts.isTraceable?.('vmlinux', 'start_kernel', 0)).toBe(false);
    expect(facts.isTraceable?.('vmlinux', 'entry_SYSCALL_64', 0)).toBe(false);
    expect(facts.isTraceable?.('vmlinux', 'no_such_function', 0)).toBeUndefined();
    expect(facts.isTraceable?.('binfmt_misc', 'bm_status_read', 0)).toBe(true);
    expect(facts.isTraceable?.('binfmt_misc', 'init_misc_binfmt', 0)).toBe(false);
    expect(facts.symbolCount?.('vmlinux', 'cmdline_proc_show')).toBe(1);
    expect(facts.symbolCount?.('vmlinux', 'type_show')).toBeGreaterThan(2);
    expect(facts.symbolCount?.('binfmt_misc', 'bm_status_read')).toBe(1);
    expect(facts.symbolCount?.('ext4', 'ext4_readdir')).toBeUndefined();
    expect(facts.hasObject?.('ext4')).toBe(true);
    expect(facts.hasObject?.('no_such_module')).toBe(false);
    expect(facts.vermagic).toMatch(new RegExp(`^${kernel.release.replaceAll('+', '.')} SMP `));
  });

  it('tells where a source does not compile', async () => {
    const text = 'void f(void);\nvoid f(void)\n{\n\tabsent = 1;\n}\n';
    const found = buildFromC(kernel, { ...builtIn, sources: [{ name: 'broken.c', text }], facts: known });
    await expect(found).rejects.toMatchObject({
      findings: [{ id: 'compile-failed', at: { file: 'broken.c', line: 4 } }],
    });
  });

  it('has CRCs that the kernel would take, and a damaged one is seen', async () => {
    const { ko } = await buildFromC(kernel, { ...builtIn, facts: known });
    const versions = findSection(readElf(ko), '__versions');
    expect(versions?.size).toBeGreaterThan(64);
    const damaged = Uint8Array.from(ko);
    damaged[versions?.offset ?? 0] ^= 1;
    const ids = (bytes: Uint8Array) =>
      checkRules(readLivepatch(bytes, known.layout), known.facts).map(({ id }) => id);
    expect(ids(ko)).toEqual([]);
    expect(ids(damaged)).toEqual(['KLP224']);
  });
});
