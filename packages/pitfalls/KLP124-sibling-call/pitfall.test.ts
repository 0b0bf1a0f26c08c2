import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-16', 'clang-19'])('KLP124 with %s', (compiler) => {
  test('a function that ends in a jump is told', async () => {
    const told = said(await assessCase(folder, { compiler }), 'KLP124');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('note KLP124: outer: outer ends in a jump to inner');
  });

  test('a function that calls is not', async () => {
    const judgement = await assessCase(folder, { compiler, before: 'twin.c', after: 'twin-after.c' });
    expect(said(judgement, 'KLP124')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP124');
  });
});

describe('KLP124 for ppc64le', () => {
  const compiler = 'powerpc64le-linux-gnu-gcc-12';
  const flags = ['-mcmodel=medium', '-g0'];

  test('a jump out of the livepatch is refused', async () => {
    const judgement = await assessCase(folder, { compiler, flags });
    expect(said(judgement, 'KLP124').join()).toContain(
      'error KLP124: outer: the new outer jumps to inner instead of calling it',
    );
    const twin = await assessCase(folder, { compiler, flags, before: 'twin.c', after: 'twin-after.c' });
    expect(said(twin, 'KLP124')).toEqual([]);
  });
});

test.each(['aarch64-linux-gnu-gcc-12', 's390x-linux-gnu-gcc-12'])('KLP124 with %s', async (compiler) => {
  const flags = ['-g0'];
  expect(said(await assessCase(folder, { compiler, flags }), 'KLP124').join()).toContain(
    'outer ends in a jump to inner',
  );
  const twin = await assessCase(folder, { compiler, flags, before: 'twin.c', after: 'twin-after.c' });
  expect(said(twin, 'KLP124')).toEqual([]);
});
