import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';
import { checkCase, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;
const names = ['T real_fn', 'T alias_fn'];

describe.each(['gcc-12', 'clang-14', 'clang-19'])('KLP144 with %s', (compiler) => {
  test('a weak function and one with a second name are told', async () => {
    const judgement = await assessCase(folder, { compiler });
    const findings = said(judgement, 'KLP144').sort();
    expect(findings).toHaveLength(2);
    expect(findings[0]).toContain('note KLP144: arch_hook: arch_hook is weak');
    expect(findings[1]).toMatch(
      /note KLP144: (alias_fn: alias_fn is also called real_fn|real_fn: real_fn is also called alias_fn)/,
    );
  });

  test('an ordinary one is not', async () => {
    const twin = { compiler, before: 'twin.c', after: 'twin-after.c' };
    expect(said(await assessCase(folder, twin), 'KLP144')).toEqual([]);
  });
});

describe('KLP144 of a finished module', () => {
  const kernel = smallKernel({ objects: { vmlinux: names }, folded: [['real_fn', 'alias_fn']] });

  test('that replaces one function twice', async () => {
    const [finding, ...more] = said(await checkCase(folder, 'twice.c', { kernel }), 'KLP144');
    expect(finding).toContain('error KLP144: real_fn: real_fn and alias_fn are one function of vmlinux');
    expect(more).toEqual([]);
    expect(said(await checkCase(folder, 'single.c', { kernel }), 'KLP144')).toEqual([]);
  });

  test('that replaces two functions', async () => {
    const two = smallKernel({ objects: { vmlinux: names } });
    expect(said(await checkCase(folder, 'twice.c', { kernel: two }), 'KLP144')).toEqual([]);
  });
});
