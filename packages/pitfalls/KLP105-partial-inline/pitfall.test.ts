import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';
import { checkCase, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11'])('KLP105 with %s', (compiler) => {
  test('a function whose rest is called directly is told, with these callers', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    expect(comparison.before.named('dev_flush')).toHaveLength(1);
    expect(comparison.before.named('dev_flush.part.0')).toHaveLength(1);
    const told = said(await assessCase(folder, { compiler }), 'KLP105');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(
      'dev_flush is split: dev_close and dev_open hold a copy of its beginning and call dev_flush.part.0 directly',
    );
    expect(told[0]).toContain('these callers changed, so they are replaced too');
  });

  test('a function in one piece is not', async () => {
    const judgement = await assessCase(folder, { compiler, before: 'twin.c', after: 'twin-after.c' });
    expect(said(judgement, 'KLP105')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP105');
  });
});

test('KLP105: clang splits nothing', async () => {
  for (const compiler of ['clang-14', 'clang-19'])
    expect(said(await assessCase(folder, { compiler }), 'KLP105')).toEqual([]);
});

describe('KLP105 of a finished module', () => {
  const evidence = {
    kernel: smallKernel({
      objects: { vmlinux: ['T dev_flush', 't dev_flush.part.0', 'T dev_open'] },
      calls: { dev_flush: ['dev_flush.part.0'] },
    }),
  };

  test('which replaces the function and knows nothing of its part', async () => {
    const told = said(await checkCase(folder, 'faulty.c', evidence), 'KLP105').join('\n');
    expect(told).toContain('warning KLP105: dev_flush: dev_flush of vmlinux is split');
    expect(told).toContain('call dev_flush.part.0 directly');
    const innocent = await checkCase(folder, 'innocent.c', evidence);
    expect(said(innocent, 'KLP105')).toEqual([]);
    expect(innocent.unchecked.map(({ id }) => id)).not.toContain('KLP105');
  });
});

test.each(['aarch64-linux-gnu-gcc-12', 'powerpc64le-linux-gnu-gcc-12', 's390x-linux-gnu-gcc-12'])(
  'KLP105 with %s',
  async (compiler) => {
    const flags = ['-g0'];
    expect(said(await assessCase(folder, { compiler, flags }), 'KLP105').join()).toContain(
      'dev_close and dev_open hold a copy of its beginning and call dev_flush.part.0 directly',
    );
    const twin = await assessCase(folder, { compiler, flags, before: 'twin.c', after: 'twin-after.c' });
    expect(said(twin, 'KLP105')).toEqual([]);
  },
);
