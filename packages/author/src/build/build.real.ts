import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Finding, Refusal, UsageError } from '@klpkit/findings';
import { readElf, readModuleInfo } from '@klpkit/formats';
import { addKernel, type Kernel } from '@klpkit/kernel';
import { createTwoFilesPatch } from 'diff';
import { beforeAll, describe, expect, it } from 'vitest';
import { reportJson } from '../report/index.ts';
import { buildLivepatch } from './build.ts';
import type { BuildOptions, BuiltLivepatch, NothingToBuild } from './types.ts';

let kernel: Kernel;
beforeAll(async () => {
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
});

/** A patch of one file of the kernel: what each pattern finds is replaced. */
function edit(path: string, ...edits: (readonly [pattern: RegExp, replacement: string])[]): string {
  const before = readFileSync(join(kernel.sourceDir, path), 'utf8');
  let after = before;
  for (const [pattern, replacement] of edits) {
    if (!pattern.test(after)) throw new Error(`${path} has no ${pattern}`);
    after = after.replace(pattern, replacement);
  }
  return createTwoFilesPatch(`a/${path}`, `b/${path}`, before, after, '', '', { context: 3 });
}

/** A statement at the start of a function's body. */
function atStart(name: string, statement: string): readonly [RegExp, string] {
  return [new RegExp(`^.*\\b${name}\\([^;{]*\\)\\n\\{\\n`, 'm'), `$&\t${statement}\n`];
}

const cmdline = () => edit('fs/proc/cmdline.c', atStart('cmdline_proc_show', 'seq_puts(m, "klpkit ");'));
const loop = () =>
  edit('drivers/block/loop.c', atStart('loop_attr_offset_show', 'pr_info_once("klpkit\\n");'));
const header = () =>
  edit('fs/proc/fd.h', [/^(static inline .*\bproc_fd\b.*\n\{\n)/m, '$1\tbarrier_data(inode);\n']);

function build(
  patches: readonly string[],
  options: Partial<BuildOptions> = {},
): Promise<BuiltLivepatch | NothingToBuild> {
  return buildLivepatch(
    kernel,
    patches.map((text, index) => ({ name: `${index}.patch`, text })),
    { name: 'livepatch_test', sourceLines: false, ...options },
  );
}

async function built(
  patches: readonly string[],
  options: Partial<BuildOptions> = {},
): Promise<BuiltLivepatch> {
  const result = await build(patches, options);
  if (result.outcome !== 'built') throw new Error('nothing to build');
  return result;
}

/** Errors of a build that is refused. */
async function errorsOf(patches: readonly string[], options: Partial<BuildOptions> = {}): Promise<Finding[]> {
  try {
    await build(patches, options);
  } catch (error) {
    if (error instanceof Refusal) return error.findings.filter(({ severity }) => severity === 'error');
    throw error;
  }
  throw new Error('it was built');
}

function functionsOf({ plan }: BuiltLivepatch): string[] {
  return plan.objects.flatMap(({ name, functions }) => functions.map(({ oldName }) => `${name}:${oldName}`));
}

describe('a fix', () => {
  it('of built-in code becomes a module', async () => {
    const result = await built([cmdline()]);
    expect(functionsOf(result)).toEqual(['vmlinux:cmdline_proc_show']);
    expect(result.findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
    const info = readModuleInfo(readElf(result.ko));
    expect([info.get('name'), info.get('livepatch'), info.get('vermagic')?.split(' ')[0]]).toEqual([
      'livepatch_test',
      'Y',
      kernel.release,
    ]);
    expect(Buffer.from(result.ko).includes('klpkit \0')).toBe(true);
    expect(result.steps.map(({ step }) => step)).toEqual([
      'read',
      'units',
      'compile',
      'match',
      'compare',
      'extract',
      'finish',
      'report',
    ]);
  });

  it('of a module names the module, and the function that the compiler put the change into', async () => {
    const result = await built([loop()]);
    expect(functionsOf(result)).toEqual(['loop:loop_attr_do_show_offset']);
    expect(readModuleInfo(readElf(result.ko)).get('depends') ?? '').toBe('');
  });

  it('of both becomes one module, vmlinux first; so do two patches', async () => {
    const both = ['vmlinux:cmdline_proc_show', 'loop:loop_attr_do_show_offset'];
    expect(functionsOf(await built([loop() + cmdline()]))).toEqual(both);
    expect(functionsOf(await built([loop(), cmdline()]))).toEqual(both);
  });

  it('gives the same bytes each time', async () => {
    const [a, b] = [await built([loop(), cmdline()]), await built([loop(), cmdline()], { jobs: 1 })];
    expect(a.ko.length).toBeGreaterThan(10_000);
    expect(Buffer.compare(a.ko, b.ko)).toBe(0);
    expect(reportJson(a.report)).toBe(reportJson(b.report));
  });
});

describe('a fix of a header', () => {
  it('goes into those of the units including it whose code changes', async () => {
    const result = await built([header()]);
    expect(result.steps.find(({ step }) => step === 'units')?.what).toBe(
      '2 units: fs/proc/base.c, fs/proc/fd.c',
    );
    expect(result.report.units.map(({ source }) => source)).toEqual(['fs/proc/fd.c']);
    // The inline function itself is none of the kernel's.
    expect(functionsOf(result).length).toBeGreaterThan(1);
    expect(functionsOf(result)).not.toContain('vmlinux:proc_fd');
  });

  it('that half the kernel includes is not compiled (KLP103)', async () => {
    const [error, ...others] = await errorsOf([
      edit('include/linux/list.h', [/^(static inline void INIT_LIST_HEAD.*\n\{\n)/m, '$1\tbarrier();\n']),
    ]);
    expect(others).toEqual([]);
    expect(error).toMatchObject({ id: 'KLP103', at: { file: 'include/linux/list.h' } });
    expect(error?.next).toMatch(/--max-units \d{4}/);
    const few = await errorsOf([header()], { maxUnits: 1 });
    expect(few.map(({ id, what }) => `${id} ${/of (\d+) units/.exec(what)?.[1]}`)).toEqual(['KLP103 2']);
  });

  it('is restricted to named units only with the reason why that is safe', async () => {
    const units = ['fs/proc/fd.c'];
    expect((await errorsOf([header()], { units })).map(({ id }) => id)).toEqual(['header-outside-units']);
    const overrides = new Map([['header-outside-units', 'both sides are read only']]);
    const result = await built([header()], { units, overrides });
    expect(result.report.units.map(({ source }) => source)).toEqual(units);
    expect(result.findings.find(({ id }) => id === 'header-outside-units')).toMatchObject({
      severity: 'warning',
      next: 'overridden by the author: both sides are read only',
    });
  });

  it('takes a new function along that only another unit calls', async () => {
    const head = 'void fat_attach\\(struct inode \\*inode, loff_t i_pos\\)';
    const result = await built([
      edit('fs/fat/fat.h', [new RegExp(`^extern ${head};\n`, 'm'), '$&extern int klpkit_helper(int n);\n']),
      edit('fs/fat/inode.c', [
        /^EXPORT_SYMBOL_GPL\(fat_attach\);\n/m,
        '$&int klpkit_helper(int n)\n{\n\treturn printk("klpkit %d", n);\n}\nEXPORT_SYMBOL_GPL(klpkit_helper);\n',
      ]),
      edit('fs/fat/namei_vfat.c', atStart('vfat_unlink', 'klpkit_helper(dentry->d_name.len);')),
    ]);
    expect(functionsOf(result)).toEqual(['vfat:vfat_unlink']);
    // Whoever builds a module against the new export learns that it is not there.
    expect(result.findings.filter(({ id }) => id === 'KLP507')).toMatchObject([
      { severity: 'warning', at: { section: '.export_symbol' } },
    ]);
  });
});

describe('a fix that cannot be a livepatch', () => {
  it('since it changes nothing, says so', async () => {
    const comment = edit('fs/proc/cmdline.c', atStart('cmdline_proc_show', '/* klpkit was here */\n'));
    const result = await build([comment]);
    expect(result.outcome).toBe('nothing');
    expect(result.findings.map(({ id }) => id)).toEqual(['nothing-changed']);
    expect(result.findings[0]?.what).toBe('the fix changes no code or data of fs/proc/cmdline.c');
  });

  it('since nothing calls what it adds, names that', async () => {
    const adds = edit('fs/proc/cmdline.c', [
      /^fs_initcall\(/m,
      'int klpkit_added(int n);\nint klpkit_added(int n)\n{\n\treturn n + 1;\n}\n$&',
    ]);
    const result = await build([adds]);
    expect(result.outcome).toBe('nothing');
    expect(result.findings.find(({ id }) => id === 'nothing-changed')?.what).toBe(
      'the fix changes no function that runs in fs/proc/cmdline.c: it adds klpkit_added, which nothing calls',
    );
  });

  it('changes a structure (KLP502), unless the author knows better', async () => {
    const structure = edit('drivers/block/loop.c', [/^struct loop_device \{\n/m, '$&\tlong klpkit_added;\n']);
    const errors = await errorsOf([structure]);
    // What the module does when it is unloaded moves as well.
    expect(errors.map(({ id, at }) => `${id} ${at?.symbol}`).sort()).toEqual([
      'KLP407 loop_exit',
      'KLP502 loop_device',
    ]);
    expect(errors.find(({ id }) => id === 'KLP502')?.what).toMatch(
      /^struct loop_device changes its layout: .*klpkit_added/,
    );
    const reason = 'no loop device is made while the livepatch is loaded';
    const result = await built([structure], {
      overrides: new Map([
        ['KLP502', reason],
        ['KLP407', reason],
      ]),
    });
    expect(functionsOf(result).length).toBeGreaterThan(10);
    expect(functionsOf(result)).not.toContain('loop:loop_exit');
  });

  it('changes what runs at boot (KLP407)', async () => {
    const init = atStart('proc_cmdline_init', 'pr_info("klpkit\\n");');
    const alone = edit('fs/proc/cmdline.c', init);
    const [error, ...others] = await errorsOf([alone]);
    expect([error?.id, error?.at?.symbol, others]).toEqual(['KLP407', 'proc_cmdline_init', []]);
    // An author who answers for that gets the rest of the fix.
    const overrides = new Map([['KLP407', 'the entry is there already']]);
    expect((await build([alone], { overrides })).outcome).toBe('nothing');
    const both = edit('fs/proc/cmdline.c', init, atStart('cmdline_proc_show', 'seq_puts(m, "klpkit ");'));
    const result = await built([both], { overrides });
    expect(functionsOf(result)).toEqual(['vmlinux:cmdline_proc_show']);
    expect(result.findings.find(({ id }) => id === 'KLP407')).toMatchObject({
      severity: 'warning',
      next: 'overridden by the author: the entry is there already',
    });
  });

  it('changes an initial value (KLP501)', async () => {
    const value = edit('drivers/block/loop.c', [/^(static int hw_queue_depth = )\w+;/m, '$1 77;']);
    const [error, ...others] = await errorsOf([value]);
    expect([error?.id, error?.at?.symbol, others]).toEqual(['KLP501', 'hw_queue_depth', []]);
  });

  it('does not compile, with the line that is to blame', async () => {
    const [error, ...others] = await errorsOf([
      edit('fs/proc/cmdline.c', atStart('cmdline_proc_show', 'klpkit_absent = 1;')),
    ]);
    expect(others).toEqual([]);
    expect(error?.id).toBe('does-not-compile');
    expect(JSON.stringify(error)).toContain('klpkit_absent');
    expect(error?.at?.file ?? error?.at?.unit).toBe('fs/proc/cmdline.c');
  });

  it('is of a source that this kernel leaves out, with the option that decides', async () => {
    const source = 'kernel/kcsan/report.c';
    const off = edit(source, [/^#include/m, '#define KLPKIT 1\n#include']);
    const [error, ...others] = await errorsOf([off]);
    expect(others).toEqual([]);
    expect(error).toMatchObject({ id: 'not-built', at: { file: source } });
    expect(error?.what).toContain('CONFIG_KCSAN');
  });

  it('has a name that no module can have, before anything is compiled', async () => {
    const steps: string[] = [];
    for (const name of ['x'.repeat(56), 'with-dash', '', 'vmlinux']) {
      const found = build([cmdline()], { name, onStep: ({ step }) => steps.push(step) });
      await expect(found).rejects.toThrow(UsageError);
    }
    expect(steps).toEqual([]);
    const longest = await built([cmdline()], { name: 'x'.repeat(55) });
    expect(longest.plan.name).toHaveLength(55);
  });

  it('is answered for by what cannot be answered for', async () => {
    await expect(build([cmdline()], { overrides: new Map([['KLP203', 'because']]) })).rejects.toThrow(
      /KLP203 cannot be overridden/,
    );
  });
});
