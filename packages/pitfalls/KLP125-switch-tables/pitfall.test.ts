import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';
import { checkKlpCase } from '../testing/klp.ts';

const folder = import.meta.dirname;
const twin = { before: 'twin.c', after: 'twin-after.c' };

describe.each(['gcc-12', 'gcc-11'])('KLP125 with %s', (compiler) => {
  test('a function whose table alone changes is in the livepatch, and the finding says why', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    expect(comparison.functions.filter(({ status }) => status === 'changed').map(({ name }) => name)).toEqual(
      ['prio'],
    );
    expect(comparison.data).toEqual([]);
    const [finding, ...more] = said(await assessCase(folder, { compiler }), 'KLP125');
    expect(finding).toContain('note KLP125: prio: prio is in the livepatch for its table CSWTCH.1 alone');
    expect(more).toEqual([]);
  });

  test('a function whose code changes is not', async () => {
    expect(said(await assessCase(folder, { compiler, ...twin }), 'KLP125')).toEqual([]);
  });

  test('without switch conversion the code changes', async () => {
    const flags = ['-fno-tree-switch-conversion'];
    expect(said(await assessCase(folder, { compiler, flags }), 'KLP125')).toEqual([]);
  });
});

describe.each(['clang-14', 'clang-19'])('KLP125 with %s', (compiler) => {
  test('tables are made where they are allowed', async () => {
    expect(said(await assessCase(folder, { compiler }), 'KLP125')).toEqual([]);
    const [finding] = said(await assessCase(folder, { compiler, flags: ['-fjump-tables'] }), 'KLP125');
    expect(finding).toContain('switch.table.prio alone: the instructions are the same');
  });
});

test('KLP125 of a finished module: the table of the running kernel is not that of the new code', async () => {
  const references = [{ object: 'vmlinux', name: 'CSWTCH.1' }];
  const [finding, ...more] = said(await checkKlpCase(folder, 'borrowed.c', references), 'KLP125');
  expect(finding).toContain('warning KLP125');
  expect(finding).toContain('uses CSWTCH.1, a table that the compiler made of a switch in vmlinux');
  expect(more).toEqual([]);
  expect(said(await checkKlpCase(folder, 'own.c', references), 'KLP125')).toEqual([]);
});
