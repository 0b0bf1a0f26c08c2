import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11'])('KLP115 with %s', (compiler) => {
  test('a reader that reads again is told', async () => {
    const told = said(await assessCase(folder, { compiler }), 'KLP115');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(
      'note KLP115: delta: delta reads state in 2 places after the fix and in 0 before',
    );
    expect(told[0]).toContain('account does not write state');
  });

  test('a callee that writes what it wrote before is not', async () => {
    const judgement = await assessCase(folder, { compiler, after: 'twin-after.c' });
    expect(said(judgement, 'KLP115')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP115');
  });
});

test('KLP115: clang has read it again all along', async () => {
  for (const compiler of ['clang-14', 'clang-19'])
    expect(said(await assessCase(folder, { compiler }), 'KLP115')).toEqual([]);
});
