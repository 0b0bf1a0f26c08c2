import { describe, expect, test } from 'vitest';
import { extractPair, namesIn } from './testing/pair.ts';

const list = async (source: string) =>
  (await extractPair(source)).extraction.findings
    .filter(({ id }) => id === 'left-out')
    .map(({ severity, what }) => `${severity} ${what}`);

describe('what a fix adds and the livepatch does not hold', () => {
  const source = (more: string, use = '') => `
    int old(int n) { return external(n); }
    int fixed(int n) {
    #ifdef FIX
      ${use}
      return external(n + 2);
    #else
      return external(n);
    #endif
    }
    #ifdef FIX
    ${more}
    #endif`;

  test('a function that nothing leads to', async () => {
    expect(await list(source('int added(int n) { return external(n * 3); }'))).toEqual([
      'note the function added, which the fix adds, is not in the livepatch',
    ]);
    const used = 'int added(int n) { return external(n * 3); }';
    expect(await list(`int added(int);${source(`noinline ${used}`, 'external(added(n));')}`)).toEqual([]);
  });

  test('a variable that nothing refers to, and what is for boot alone', async () => {
    expect(await list(source('int added = 3;'))).toEqual([
      'note the variable added, which the fix adds, is not in the livepatch',
    ]);
    expect(await list(source('int section(".init.text") starts(void) { return external(7); }'))).toEqual([
      'note the function starts, which the fix adds for boot or loading, is not in the livepatch',
    ]);
    expect(await list(`extern int added;${source('int added = 3;', 'external(added);')}`)).toEqual([]);
  });

  test('but what another unit of the livepatch uses comes along, with what that needs', async () => {
    const text = source(
      'static noinline int inner(int n) { return external(n + 9); } int added(int n) { return inner(n) * 3; } int other = 4;',
    );
    const { extraction, object } = await extractPair(text, { wanted: ['added'] });
    expect(namesIn(object)).toEqual(expect.arrayContaining(['added', 'inner', 'fixed']));
    expect(extraction.provides).toEqual(['added']);
    expect(extraction.findings.filter(({ id }) => id === 'left-out').map(({ at }) => at?.symbol)).toEqual([
      'other',
    ]);
    // A unit may give nothing but that.
    const alone = await extractPair(
      '#ifdef FIX\nint added(int n) { return external(n); }\n#endif\nint old(int n) { return external(n); }',
      { wanted: ['added'] },
    );
    expect(namesIn(alone.object)).toContain('added');
    expect(alone.extraction.functions).toEqual([]);
  });
});
