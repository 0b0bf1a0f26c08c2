import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';
import { checkCase, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11'])('KLP119 with %s', (compiler) => {
  test('two names of one body that come apart are told', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    expect(comparison.before.named('ev_add')[0]).toBe(comparison.before.named('ev_del')[0]);
    expect(comparison.before.named('a_open')[0]).not.toBe(comparison.before.named('a_close')[0]);
    const told = said(await assessCase(folder, { compiler }), 'KLP119');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('ev_add and ev_del are one body in the running kernel and 2 after the fix');
  });

  test('two names of one body that is inlined after the fix are told', async () => {
    const [told] = said(await assessCase(folder, { compiler, after: 'inlined-after.c' }), 'KLP119');
    expect(told).toContain(
      'ev_add and ev_del are one body in the running kernel and have none after the fix',
    );
  });

  test('two names that the source declares to be one function are not', async () => {
    const options = { compiler, before: 'alias.c', after: 'alias-after.c' };
    const { comparison } = await unitCase(folder, options);
    expect(comparison.before.named('ev_add')[0]).toBe(comparison.before.named('ev_del')[0]);
    expect(comparison.functions.filter(({ status }) => status === 'changed')).toHaveLength(1);
    expect(said(await assessCase(folder, options), 'KLP119')).toEqual([]);
  });

  test('two bodies from the beginning are not', async () => {
    const judgement = await assessCase(folder, { compiler, before: 'twin.c', after: 'twin-after.c' });
    expect(said(judgement, 'KLP119')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP119');
  });
});

test('KLP119: clang folds nothing', async () => {
  for (const compiler of ['clang-14', 'clang-19'])
    expect(said(await assessCase(folder, { compiler }), 'KLP119')).toEqual([]);
});

describe('KLP119 of a finished module', () => {
  const evidence = {
    kernel: smallKernel({
      objects: { vmlinux: ['t ev_add', 't ev_del', 'T c1', 'T c2', 'T c2_alias'] },
      folded: [
        ['ev_add', 'ev_del'],
        ['c2', 'c2_alias'],
      ],
    }),
  };

  test('which diverts the code of two functions', async () => {
    const told = said(await checkCase(folder, 'faulty.c', evidence), 'KLP119').join('\n');
    expect(told).toContain('warning KLP119: ev_del: ev_del of vmlinux shares its code with ev_add');
    const innocent = await checkCase(folder, 'innocent.c', evidence);
    expect(said(innocent, 'KLP119')).toEqual([]);
    expect(innocent.unchecked.map(({ id }) => id)).not.toContain('KLP119');
  });
});

test.each(['aarch64-linux-gnu-gcc-12', 'powerpc64le-linux-gnu-gcc-12', 's390x-linux-gnu-gcc-12'])(
  'KLP119 with %s',
  async (compiler) => {
    const flags = ['-g0'];
    expect(said(await assessCase(folder, { compiler, flags }), 'KLP119').join()).toContain(
      'ev_add and ev_del are one body in the running kernel and 2 after the fix',
    );
    const twin = await assessCase(folder, { compiler, flags, before: 'twin.c', after: 'twin-after.c' });
    expect(said(twin, 'KLP119')).toEqual([]);
  },
);
