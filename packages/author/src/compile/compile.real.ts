import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readObjectModel } from '@klpkit/compare';
import { addKernel, findUnits, type Kernel, type Unit } from '@klpkit/kernel';
import { createTwoFilesPatch } from 'diff';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readFix } from '../fix/index.ts';
import { derivedFindings, makeOverlay } from '../overlay/index.ts';
import { assertCompiler, compileAll, compileUnit } from './index.ts';

let kernel: Kernel;
let folder: string;
let views = 0;
beforeAll(async () => {
  kernel = await addKernel('debian:6.12');
  folder = mkdtempSync(join(tmpdir(), 'klpkit-compile-real-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const unitsOf = async (...sources: string[]) => (await findUnits(kernel, sources)).units;

/** A fix that changes one file of the kernel by `edit`, read as a patch. */
async function viewOf(path: string, edit: (text: string) => string) {
  const text = readFileSync(join(kernel.sourceDir, path), 'utf8');
  const changed = edit(text);
  expect(changed).not.toBe(text);
  const fix = await readFix(kernel.sourceDir, [
    { name: 'fix.patch', text: createTwoFilesPatch(`a/${path}`, `b/${path}`, text, changed) },
  ]);
  const files = fix.files.map((file) => ({ path: file.path, text: file.compiled }));
  return makeOverlay(kernel.sourceDir, files, join(folder, `view${views++}`));
}

async function bothSides(units: readonly Unit[], overlay: ReturnType<typeof makeOverlay>) {
  const { compiled, failed } = await compileAll(
    kernel,
    units.flatMap((unit) => [
      { unit, side: 'before' as const },
      { unit, side: 'after' as const, overlay },
    ]),
    { jobs: 2 },
  );
  expect(failed.map(({ finding }) => finding.why)).toEqual([]);
  return units.map((unit) => {
    const [before, after] = compiled.filter((entry) => entry.unit === unit);
    if (!before || !after) throw new Error(`${unit.source} was not compiled`);
    return { before, after };
  });
}

test('the compiler of this machine is the kernel’s', async () => {
  await assertCompiler(kernel);
});

test('lines that are put in and comments change no byte of a unit; code does', async () => {
  const units = await unitsOf('fs/proc/cmdline.c', 'fs/namei.c');
  const comment = await viewOf('fs/namei.c', (text) =>
    text.replace(/^(#include .*\n)/m, '/*\n * Words.\n */\n\n$1'),
  );
  for (const { before, after } of await bothSides(units, comment)) {
    expect(before.dependencies).toContain('include/linux/fs.h');
    expect(Buffer.compare(after.bytes, before.bytes)).toBe(0);
  }
  const code = await viewOf('fs/proc/cmdline.c', (text) =>
    text.replace(/seq_putc\(\w+, '\\n'\);/, 'seq_puts(m, " fixed\\n");'),
  );
  const [large, small] = await bothSides(units, code);
  expect(small && Buffer.compare(small.after.bytes, small.before.bytes)).not.toBe(0);
  expect(large?.after.isBefore).toBe(true);
});

test('without the old line numbers the same comment would change code', async () => {
  const [unit] = await unitsOf('fs/namei.c');
  const text = readFileSync(join(kernel.sourceDir, 'fs/namei.c'), 'utf8');
  const raw = text.replace(/^(#include .*\n)/m, '/* Words. */\n\n$1');
  const overlay = makeOverlay(kernel.sourceDir, [{ path: 'fs/namei.c', text: raw }], join(folder, 'raw'));
  const [sides] = await bothSides(unit ? [unit] : [], overlay);
  expect(sides && Buffer.compare(sides.after.bytes, sides.before.bytes)).not.toBe(0);
});

test('a changed header is seen from all sides: beside it, by ../, and by <…>', async () => {
  const mark = (text: string) =>
    `${text}\n#ifndef KLPKIT_MARK\n#define KLPKIT_MARK\n__attribute__((used)) static const char *klpkit_use = "klpkit mark";\n#endif\n`;
  for (const [header, source] of [
    ['fs/ext4/ext4.h', 'fs/ext4/symlink.c'],
    ['fs/xfs/xfs.h', 'fs/xfs/libxfs/xfs_bit.c'],
    ['drivers/base/base.h', 'drivers/base/power/runtime.c'],
    ['lib/kstrtox.h', 'kernel/sysctl.c'],
    ['kernel/cgroup/cgroup-internal.h', 'kernel/bpf/cgroup_iter.c'],
    ['tools/lib/bpf/btf_iter.c', 'kernel/bpf/btf_iter.c'],
    ['include/linux/seq_file.h', 'fs/proc/cmdline.c'],
    ['arch/x86/include/asm/current.h', 'fs/proc/version.c'],
  ] as const) {
    const [unit] = await unitsOf(source);
    const [sides] = await bothSides(unit ? [unit] : [], await viewOf(header, mark));
    expect(sides?.before.dependencies).toContain(header);
    expect(sides?.after.dependencies).toContain(header);
    expect(Buffer.from(sides?.before.bytes ?? []).includes('klpkit mark')).toBe(false);
    expect(Buffer.from(sides?.after.bytes ?? []).includes('klpkit mark')).toBe(true);
  }
});

test('headers that other headers are generated from: a layout that moves is told, a comment is not', async () => {
  const header = 'include/linux/sched.h';
  const grown = await viewOf(header, (text) =>
    text.replace(/^struct task_struct \{\n/m, '$&\tlong klpkit_field;\n'),
  );
  const findings = await derivedFindings(kernel, grown);
  expect(findings.map(({ id }) => id)).toEqual(['KLP502']);
  expect(findings[0]?.what).toContain('TASK_');
  const comment = await viewOf(header, (text) => `${text}/* Words. */\n`);
  expect(await derivedFindings(kernel, comment)).toEqual([]);
});

test('debug information names files of the tree, whatever the view', async () => {
  const [unit] = await unitsOf('fs/proc/cmdline.c');
  const overlay = await viewOf('fs/proc/cmdline.c', (text) => `${text}/* Words. */\n`);
  if (!unit) throw new Error('no unit');
  const after = await compileUnit(kernel, { unit, side: 'after', overlay, debug: true });
  const plain = await compileUnit(kernel, { unit, side: 'after', overlay });
  if (!('bytes' in after) || !('bytes' in plain)) throw new Error('it did not compile');
  expect(plain.debug).toBeUndefined();
  expect(after.debug?.length).toBeGreaterThan(2 * plain.bytes.length);
  expect(Buffer.from(after.debug ?? []).includes(folder)).toBe(false);
  // What is matched and compared is the same with it and without.
  const [a, b] = [after, plain].map(({ bytes }) => readObjectModel(bytes));
  const pieces = (model = a) => model?.pieces.map((piece) => [piece.name, Buffer.from(model.content(piece))]);
  expect(pieces(a)?.length).toBeGreaterThan(1);
  expect(pieces(a)).toEqual(pieces(b));
  const again = await compileUnit(kernel, { unit, side: 'after', overlay, debug: true });
  expect(again).toMatchObject({ cached: true, bytes: after.bytes, debug: after.debug });
  // So does the dump of what was inlined, which the cache keeps as well.
  expect(after.ipaClones).toMatch(/^Callgraph clone;.*;inlining to$/m);
  expect(after.ipaClones).toMatch(new RegExp(`;${unit.source};`));
  expect(after.ipaClones).not.toMatch(/;\//);
  expect(again).toMatchObject({ ipaClones: after.ipaClones });
});
