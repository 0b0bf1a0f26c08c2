import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11'])('KLP114 with %s', (compiler) => {
  test('a caller that stores more is told', async () => {
    const told = said(await assessCase(folder, { compiler }), 'KLP114');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(
      'note KLP114: build: build stores more into its stack frame before it calls classify',
    );
  });

  test('a callee that reads the same is not', async () => {
    const judgement = await assessCase(folder, { compiler, after: 'twin-after.c' });
    expect(said(judgement, 'KLP114')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP114');
  });
});

test('KLP114: clang has stored everything all along', async () => {
  for (const compiler of ['clang-14', 'clang-19'])
    expect(said(await assessCase(folder, { compiler }), 'KLP114')).toEqual([]);
});
