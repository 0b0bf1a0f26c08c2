import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compareObjects, type ObjectModel, readObjectModel } from '@klpkit/compare';
import { expect, test } from 'vitest';
import { assessUnit } from '../src/index.ts';
import { inCases, said } from '../testing/case.ts';
import { checkCase, smallKernel } from '../testing/livepatch.ts';

const run = promisify(execFile);
const folder = import.meta.dirname;

/** What ThinLTO makes of a unit; `imports`: together with one that calls into it. */
function thinLto(source: string, imports: boolean): Promise<ObjectModel> {
  return inCases(folder, async (cwd) => {
    const compile = (from: string, to: string) =>
      run('clang-14', ['@clang.flags', '-g0', '-flto=thin', '-c', from, '-o', to], { cwd });
    await compile(source, 'unit.bc');
    await compile('other.c', 'other.bc');
    const exported = ['user', 'api', 'api2'].map((name) => `--exported-symbol=${name}`);
    const units = imports ? ['unit.bc', 'other.bc'] : ['unit.bc'];
    await run('llvm-lto-14', ['--thinlto-action=run', ...exported, ...units, '--thinlto-save-objects=.'], {
      cwd,
    });
    return readObjectModel(new Uint8Array(await readFile(join(cwd, '0.x86_64.thinlto.o'))));
  });
}

async function judged(imports: boolean): Promise<string[]> {
  const [before, after] = await Promise.all([thinLto('before.c', imports), thinLto('after.c', imports)]);
  const comparison = compareObjects(before, after);
  expect(comparison.functions.some(({ status }) => status === 'changed')).toBe(true);
  return said(assessUnit({ unit: 'case.c', object: 'vmlinux', comparison, found: [] }), 'KLP135');
}

test('KLP135: a static function that another unit imports has another name on each side', async () => {
  const [finding, ...more] = await judged(true);
  expect(finding).toMatch(
    /note KLP135: helper\.llvm\.\d+: helper\.llvm\.\d+ is helper\.llvm\.\d+ after the fix/,
  );
  expect(more).toEqual([]);
});

test('KLP135: one that nobody imports keeps the name of the source', async () => {
  expect(await judged(false)).toEqual([]);
});

test('KLP135: a module with the name of another build is told; one with the name of this kernel is not', async () => {
  const has = (name: string) => ({ kernel: smallKernel({ objects: { vmlinux: [`T ${name}`] } }) });
  const [finding, ...more] = said(await checkCase(folder, 'stale.c', has('helper.llvm.4711')), 'KLP135');
  expect(finding).toContain('names helper.llvm.1680409153347061754 of vmlinux, which holds for one build');
  expect(more).toEqual([]);
  const right = await checkCase(folder, 'stale.c', has('helper.llvm.1680409153347061754'));
  expect(said(right, 'KLP135')).toEqual([]);
});
