import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';
import { checkCase } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11'])('KLP107 with %s', (compiler) => {
  test('a clone that disappears is told, with the callers that go with it', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    expect(comparison.before.named('do_io')).toEqual([]);
    expect(comparison.after.named('do_io')).toHaveLength(1);
    const told = said(await assessCase(folder, { compiler }), 'KLP107');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(
      'note KLP107: do_io.constprop.0: the clones of do_io are not the same on both sides: do_io.constprop.0 before, do_io after',
    );
    expect(told[0]).toContain('flush and sync changed');
  });

  test('a function without clones is not', async () => {
    const judgement = await assessCase(folder, { compiler, before: 'twin.c', after: 'twin-after.c' });
    expect(said(judgement, 'KLP107')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP107');
  });
});

describe('KLP107 of a finished module', () => {
  test('which replaces a clone by code with the signature of the source', async () => {
    const told = said(await checkCase(folder, 'faulty.c'), 'KLP107').join('\n');
    expect(told).toContain(
      'warning KLP107: do_io.constprop.0: do_io.constprop.0 of vmlinux is replaced by new_do_io',
    );
    const innocent = await checkCase(folder, 'innocent.c');
    expect(said(innocent, 'KLP107')).toEqual([]);
    expect(innocent.unchecked.map(({ id }) => id)).not.toContain('KLP107');
  });
});

test.each(['aarch64-linux-gnu-gcc-12', 'powerpc64le-linux-gnu-gcc-12', 's390x-linux-gnu-gcc-12'])(
  'KLP107 with %s',
  async (compiler) => {
    const flags = ['-g0'];
    expect(said(await assessCase(folder, { compiler, flags }), 'KLP107').join()).toContain(
      'do_io.constprop.0 before, do_io after',
    );
    const twin = await assessCase(folder, { compiler, flags, before: 'twin.c', after: 'twin-after.c' });
    expect(said(twin, 'KLP107')).toEqual([]);
  },
);
