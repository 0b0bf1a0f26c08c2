import { describe, expect, test } from 'vitest';
import { said } from '../testing/case.ts';
import { assessExtraction } from '../testing/extraction.ts';
import { checkKlpCase } from '../testing/klp.ts';
import { smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-19'])('KLP314 with %s', (compiler) => {
  test('a call of an __init function is refused', async () => {
    const [finding, ...more] = said(await assessExtraction(folder, {}, { compiler }), 'KLP314');
    expect(finding).toMatch(
      /error KLP314: (unit\.c:)?parse_opt(:\.init\.text)?: runtime(\.cold)? refers to parse_opt, which is initial code or data/,
    );
    expect(more).toEqual([]);
  });

  test('a call of an ordinary one is fine', async () => {
    const twin = await assessExtraction(folder, {}, { compiler, after: 'twin-after.c' });
    expect(said(twin, 'KLP314')).toEqual([]);
  });
});

test('KLP314 of a finished module: what lies between __init_begin and __init_end is gone', async () => {
  const kernel = smallKernel({
    objects: { vmlinux: ['t runtime', 't fallback', 'D __init_begin', 't parse_opt', 'D __init_end'] },
  });
  const check = (source: string, name: string) =>
    checkKlpCase(folder, source, [{ object: 'vmlinux', name }], { kernel });
  const [finding, ...more] = said(await check('faulty.c', 'parse_opt'), 'KLP314');
  expect(finding).toContain('refers to parse_opt, which lies between __init_begin and __init_end of vmlinux');
  expect(more).toEqual([]);
  expect(said(await check('innocent.c', 'fallback'), 'KLP314')).toEqual([]);
});
