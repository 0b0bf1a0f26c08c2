import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';
import { checkCase } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11'])('KLP106 with %s', (compiler) => {
  test('a clone with other arguments is told, with the callers that go with it', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    for (const side of [comparison.before, comparison.after]) {
      expect(side.named('check')).toEqual([]);
      expect(side.named('check.isra.0')).toHaveLength(1);
    }
    const told = said(await assessCase(folder, { compiler }), 'KLP106');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(
      'note KLP106: check.isra.0: check is check.isra.0, which takes other arguments than the source says',
    );
    expect(told[0]).toContain('resubmit and submit changed and are replaced together with it');
  });

  test('a clone that is gone after the fix is told', async () => {
    const [told] = said(await assessCase(folder, { compiler, after: 'gone.c' }), 'KLP106');
    expect(told).toContain('the code of check is check.isra.0 before and check after the fix');
  });

  test('a function that keeps its arguments is not', async () => {
    const judgement = await assessCase(folder, { compiler, before: 'twin.c', after: 'twin-after.c' });
    expect(said(judgement, 'KLP106')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP106');
  });
});

describe('KLP106 of a finished module', () => {
  test('which replaces a clone by code with the signature of the source', async () => {
    const told = said(await checkCase(folder, 'faulty.c'), 'KLP106').join('\n');
    expect(told).toContain(
      'warning KLP106: check.isra.0: check.isra.0 of vmlinux is replaced by new_check, which was not compiled as such a clone',
    );
    const innocent = await checkCase(folder, 'innocent.c');
    expect(said(innocent, 'KLP106')).toEqual([]);
    expect(innocent.unchecked.map(({ id }) => id)).not.toContain('KLP106');
  });
});

test.each(['aarch64-linux-gnu-gcc-12', 'powerpc64le-linux-gnu-gcc-12', 's390x-linux-gnu-gcc-12'])(
  'KLP106 with %s',
  async (compiler) => {
    const flags = ['-g0'];
    expect(said(await assessCase(folder, { compiler, flags }), 'KLP106').join()).toContain(
      'check is check.isra.0, which takes other arguments than the source says',
    );
    const twin = await assessCase(folder, { compiler, flags, before: 'twin.c', after: 'twin-after.c' });
    expect(said(twin, 'KLP106')).toEqual([]);
  },
);
