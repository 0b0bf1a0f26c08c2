import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';
import { checkKlpCase } from '../testing/klp.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-19'])('KLP312 with %s', (compiler) => {
  test('a function whose fixup alone changes is in the livepatch, and the finding says why', async () => {
    const [finding, ...more] = said(await assessCase(folder, { compiler }), 'KLP312');
    expect(finding).toContain('note KLP312: rx: rx is in the livepatch for what a table says of its code');
    expect(more).toEqual([]);
  });

  test('one whose code changes is not told', async () => {
    expect(said(await assessCase(folder, { compiler, after: 'twin-after.c' }), 'KLP312')).toEqual([]);
  });
});

test('KLP312 of a finished module: nothing of an alternative may wait for a module', async () => {
  const references = [{ object: 'net_mod', name: 'mod_flush' }];
  const [finding, ...more] = said(await checkKlpCase(folder, 'faulty.c', references), 'KLP312');
  expect(finding).toContain("an alternative's replacement code for net_mod needs mod_flush");
  expect(more).toEqual([]);
  expect(said(await checkKlpCase(folder, 'innocent.c', references), 'KLP312')).toEqual([]);
});
