import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '@klpkit/findings';
import { inTemporaryFolder } from '@klpkit/host';
import { addKernel, findUnits, type Kernel, loadImage } from '@klpkit/kernel';
import { createTwoFilesPatch } from 'diff';
import { beforeAll, describe, expect, test } from 'vitest';
import { compileAll } from '../compile/index.ts';
import { readFix } from '../fix/index.ts';
import { makeOverlay } from '../overlay/index.ts';
import { typeFindings } from './findings.ts';

let kernel: Kernel;
beforeAll(async () => {
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
});

type Edits = Readonly<Record<string, readonly (readonly [was: string, is: string])[]>>;

/** What is found in the types of a fix that replaces texts in files, compiled in the given units or in the files themselves. */
async function found(
  edits: Edits,
  options: { units?: readonly string[]; isRestricted?: boolean } = {},
): Promise<Finding[]> {
  const patches = Object.entries(edits).map(([path, list]) => {
    const before = readFileSync(join(kernel.sourceDir, path), 'utf8');
    let after = before;
    for (const [was, is] of list) {
      expect(after).toContain(was);
      after = after.replaceAll(was, is);
    }
    return { name: path, text: createTwoFilesPatch(`a/${path}`, `b/${path}`, before, after, '', '') };
  });
  const fix = await readFix(kernel.sourceDir, patches, { overrides: new Map(), isOn: () => true });
  const sources = options.units ?? Object.keys(edits).filter((path) => path.endsWith('.c'));
  const { units } = await findUnits(kernel, sources);
  expect(units.length).toBeGreaterThanOrEqual(sources.length);
  return inTemporaryFolder('klpkit-types-', async (folder) => {
    const files = fix.files.map((file) => ({ path: file.path, text: file.compiled }));
    const overlay = makeOverlay(kernel.sourceDir, files, folder);
    const jobs = 2;
    const { compiled, failed } = await compileAll(
      kernel,
      units.flatMap((unit) => [
        { unit, side: 'before' as const },
        { unit, side: 'after' as const, overlay },
      ]),
      { jobs },
    );
    expect(failed).toEqual([]);
    const of = (index: number) => ({
      unit: units[index],
      before: compiled[2 * index],
      after: compiled[2 * index + 1],
    });
    return typeFindings({
      kernel,
      image: () => loadImage(kernel),
      fix,
      sides: units.map((_, index) => of(index)),
      overlay,
      isRestricted: options.isRestricted ?? false,
      jobs,
    });
  });
}

const loop = 'drivers/block/loop.c';
const namei = 'fs/namei.c';

describe('types that a fix changes, held against the kernel', () => {
  test('a structure that lives in the kernel, with who knows it', async () => {
    const [finding, ...others] = await found({
      [namei]: [['seq, next_seq, m_seq, r_seq;', 'seq, next_seq, m_seq, r_seq, klpkit_more;']],
    });
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      id: 'KLP502',
      severity: 'error',
      what: 'struct nameidata changes its layout: klpkit_more is added at offset 80',
      at: { file: namei, symbol: 'nameidata' },
    });
    expect(finding?.why).toMatch(
      /1\d functions take or return it \(complete_walk, .*points to one \(struct task_struct\)/,
    );
    expect(finding?.why).toContain('1 other source names it (include/linux/sched.h)');
    expect(finding?.evidence).toContain("the shipped kernel's types (vmlinux) have it as before: 232 bytes");
  });

  test('one of a module, by the types of the module', async () => {
    const [finding] = await found({
      [loop]: [['struct loop_cmd {\n', 'struct loop_cmd {\n\tint klpkit_more;\n']],
    });
    expect(finding).toMatchObject({ id: 'KLP502', severity: 'error' });
    expect(finding?.evidence?.join()).toContain("the shipped kernel's types (loop) have it as before");
  });

  test('an enumerator that is inserted, and one that is appended', async () => {
    const [finding, ...others] = await found({
      [loop]: [['\tLo_unbound,\n', '\tLo_none,\n\tLo_unbound,\n']],
    });
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      id: 'KLP504',
      severity: 'error',
      what: expect.stringContaining('changes Lo_unbound from 0 to 1, Lo_bound from 1 to 2'),
    });
    expect(finding?.evidence).toContain("the shipped kernel's types have Lo_unbound as before: 0");
    expect(await found({ [loop]: [['\tLo_deleting,\n', '\tLo_deleting,\n\tLo_more,\n']] })).toEqual([]);
  });

  test('a macro of a header, and who else names it', async () => {
    const header = 'fs/ext4/ext4.h';
    const edit: Edits = {
      [header]: [['#define EXT4_MB_HINT_TRY_GOAL\t\t0x0200', '#define EXT4_MB_HINT_TRY_GOAL\t\t0x10000']],
    };
    const [finding, ...others] = await found(edit, { units: ['fs/ext4/balloc.c'] });
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ id: 'KLP504', severity: 'warning', certainty: 'possible' });
    expect(finding?.what).toContain('0x0200 before, 0x10000 after');
    expect(finding?.why).toContain('include/trace/events/ext4.h');
    // Where the author leaves out units that see it, they keep the old value.
    const [error] = await found(edit, { units: ['fs/ext4/balloc.c'], isRestricted: true });
    expect(error).toMatchObject({
      id: 'KLP504',
      severity: 'error',
      why: expect.stringContaining('fs/ext4/mballoc.c'),
    });
  });
});

describe('checksums of exported symbols', () => {
  test('change with a prototype', async () => {
    const [finding, ...others] = await found({
      'fs/fat/fat.h': [
        ['fat_attach(struct inode *inode, loff_t i_pos)', 'fat_attach(struct inode *inode, long i_pos)'],
      ],
      'fs/fat/inode.c': [
        ['fat_attach(struct inode *inode, loff_t i_pos)', 'fat_attach(struct inode *inode, long i_pos)'],
      ],
    });
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ id: 'KLP505', severity: 'error', at: { symbol: 'fat_attach' } });
    expect(finding?.what).toContain(
      'extern void fat_attach(struct inode *, loff_t) before, extern void fat_attach(struct inode *, long) after',
    );
    expect(finding?.why).toContain('fs/fat/namei_vfat.c');
  });

  test('change with a type that an include completes, which is harmless', async () => {
    const [finding, ...others] = await found({
      [namei]: [
        ['#include <linux/uaccess.h>\n', '#include <linux/uaccess.h>\n#include <linux/fs_context.h>\n'],
      ],
    });
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      id: 'KLP505',
      severity: 'note',
      what: expect.stringContaining('struct fs_context is now defined where it was only declared'),
    });
  });

  test('do not change with declarations that move, comments, and code', async () => {
    expect(
      await found({
        [namei]: [
          [
            'struct nameidata {\n',
            '/* moved */\nstruct nameidata;\nstatic int klpkit_more(int n);\nstruct nameidata {\n',
          ],
          ['\tnd->depth = 0;\n', '\tnd->depth = 0; /* code */ barrier();\n'],
        ],
      }),
    ).toEqual([]);
  });
});
