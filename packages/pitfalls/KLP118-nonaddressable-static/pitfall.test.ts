import { describe, expect, test } from 'vitest';
import { extractPair } from '../../author/src/extract/testing/pair.ts';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-16', 'clang-19'])('KLP118 with %s', (compiler) => {
  test('readers that read more often are told', async () => {
    const told = said(await assessCase(folder, { compiler }), 'KLP118');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(
      'note KLP118: quota: export_quota takes the address of quota, which nobody did before; charge reads it more often since',
    );
  });

  test('a variable whose address was out already is not', async () => {
    const judgement = await assessCase(folder, { compiler, before: 'twin.c', after: 'twin-after.c' });
    expect(said(judgement, 'KLP118')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP118');
  });
});

test('KLP118 of the extraction: a function whose address nobody took has no landing mark', async () => {
  const source = `
    static noinline int quiet(int n) { return external(n) + 1; }
    int direct(int n) { return quiet(n) * 2; }
    int f(int n) { use(&n);
    #ifdef FIX
      use(quiet);
    #endif
      return n; }`;
  const kernel = { entryProblem: 'it has no ENDBR' };
  const { extraction } = await extractPair(source, kernel);
  expect(said({ findings: extraction.findings, unchecked: [] }, 'KLP118').join()).toContain(
    'f takes the address of quiet, and it has no ENDBR',
  );
  const { extraction: fine } = await extractPair(source.replace('use(quiet)', 'n += quiet(n)'), kernel);
  expect(said({ findings: fine.findings, unchecked: [] }, 'KLP118')).toEqual([]);
});
