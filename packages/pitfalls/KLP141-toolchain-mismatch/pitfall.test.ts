import { compareObjects } from '@klpkit/compare';
import { expect, test } from 'vitest';
import { assessUnit, type KernelEvidence } from '../src/index.ts';
import { said, unitCase } from '../testing/case.ts';
import { checkCase, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

/** One source (both sides of the case are the same), compiled in two ways. */
async function told(
  one: { compiler?: string; flags?: string[] },
  other: { compiler?: string; flags?: string[] },
  kernel?: KernelEvidence,
): Promise<string[]> {
  const [before, after] = await Promise.all([unitCase(folder, one), unitCase(folder, other)]);
  const comparison = compareObjects(before.comparison.before, after.comparison.after);
  return said(assessUnit({ ...before, comparison, found: [], ...(kernel ? { kernel } : {}) }), 'KLP141');
}

/** A kernel that says what built it, as CONFIG_CC_VERSION_TEXT does. */
const builtBy = (text: string) => smallKernel({ config: { CONFIG_CC_VERSION_TEXT: text } });

test('KLP141: two compilers', { timeout: 20_000 }, async () => {
  const [finding, ...more] = await told({}, { compiler: 'gcc-11' });
  expect(finding).toMatch(
    /error KLP141: the two sides come from different compilers: GCC: .* 12\..* before, GCC: .* 11\..* after/,
  );
  expect(more).toEqual([]);
  expect((await told({}, { compiler: 'clang-19' })).join()).toContain('clang version 19');
  expect(await told({}, {})).toEqual([]);
});

test('KLP141: one flag', { timeout: 20_000 }, async () => {
  const [finding, ...more] = await told({}, { flags: ['-fno-partial-inlining'] });
  expect(finding).toContain(
    'error KLP141: the two sides were compiled with different flags: -fno-partial-inlining only after',
  );
  expect(more).toEqual([]);
});

test('KLP141: the compiler of the kernel is another', { timeout: 20_000 }, async () => {
  const { comparison } = await unitCase(folder);
  expect(comparison.before.elf.sections.map(({ name }) => name)).toContain('.comment');
  const [finding, ...more] = await told({}, {}, builtBy('gcc-13 (Debian 13.2.0-25) 13.2.0'));
  expect(finding).toMatch(
    /the unit was compiled by GCC: .*, the kernel 6\.12\.117\+deb12-amd64 by gcc-13 \(Debian 13\.2\.0-25\) 13\.2\.0/,
  );
  expect(more).toEqual([]);
  const version = await versionOf();
  expect(await told({}, {}, builtBy(`gcc-12 ${version}`))).toEqual([]);
});

test('KLP141 of a finished module', { timeout: 20_000 }, async () => {
  const other = await checkCase(folder, 'module.c', { kernel: builtBy('Debian clang version 19.1.4') });
  const [finding, ...more] = said(other, 'KLP141');
  expect(finding).toMatch(
    /warning KLP141: the module was compiled by GCC: .*, the kernel .* by Debian clang version 19\.1\.4/,
  );
  expect(more).toEqual([]);
  const same = await checkCase(folder, 'module.c', {
    kernel: builtBy(`x86_64-linux-gnu-gcc-12 ${await versionOf()}`),
  });
  expect(said(same, 'KLP141')).toEqual([]);
});

/** `(Debian 12.2.0-14+deb12u1) 12.2.0`, as the gcc-12 at hand says it. */
async function versionOf(): Promise<string> {
  const [finding] = await told({}, {}, builtBy('none'));
  return /compiled by GCC: (\(.*?\) [\d.]+)/.exec(finding ?? '')?.[1] ?? 'unknown';
}
