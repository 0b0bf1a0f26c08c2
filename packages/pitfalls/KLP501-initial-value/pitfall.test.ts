import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'clang-19'])('KLP501 with %s', (compiler) => {
  test('a variable with another initial value is an error, although no function changes', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    expect(comparison.functions.filter(({ status }) => status !== 'same')).toEqual([]);
    const findings = said(await assessCase(folder, { compiler }), 'KLP501').join('\n');
    expect(findings).toContain('the variable sysctl_limit changes its initial value');
    expect(findings).toContain('the variable enabled changes its initial value');
  });

  test('variables that keep theirs are not told', async () => {
    expect(said(await assessCase(folder, { compiler, after: 'before.c' }), 'KLP501')).toEqual([]);
    expect(said(await assessCase(folder, { compiler, fix: 'twin.c' }), 'KLP501')).toEqual([]);
  });
});
