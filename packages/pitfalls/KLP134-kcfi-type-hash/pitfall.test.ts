import { describe, expect, test } from 'vitest';
import { assessCase, type CaseOptions, said } from '../testing/case.ts';

const folder = import.meta.dirname;
const kcfi = ['-fsanitize=kcfi'];
const arm = ['--target=aarch64-linux-gnu', '-mabi=aapcs', '-Wno-unused-command-line-argument'];

/** Padding before a function stands between it and its hash. */
const padded = '-fpatchable-function-entry=4,2';

describe.each<[string, string, readonly string[], string?]>([
  ['clang-16', 'x86-64', []],
  ['clang-19', 'x86-64', []],
  ['clang-16', 'arm64', arm, 'aarch64.flags'],
  ['clang-19', 'arm64', arm, 'aarch64.flags'],
  ['clang-19', 'arm64 with padding', [...arm, padded], 'aarch64.flags'],
])('KLP134 with %s for %s', (compiler, _, machine, flagFile) => {
  const common = { compiler, ...(flagFile ? { flagFile } : {}) };
  const flags = [...machine, ...kcfi];
  const assess = (more: CaseOptions) => assessCase(folder, { ...common, ...more });
  test('a new prototype of a function with pointers to it is refused', async () => {
    const [finding, ...more] = said(await assess({ flags }), 'KLP134');
    expect(finding).toMatch(/error KLP134: my_get: the kCFI hash of my_get is 0x\w+ before and 0x\w+ after/);
    expect(finding).toContain('and ops takes its address');
    expect(more).toEqual([]);
  });

  test('the same prototype is fine, and so is a kernel without kCFI', async () => {
    expect(said(await assess({ flags, after: 'twin-after.c' }), 'KLP134')).toEqual([]);
    expect(said(await assess({ flags: machine }), 'KLP134')).toEqual([]);
  });
});
