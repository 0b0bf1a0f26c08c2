import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11'])('KLP122 with %s', (compiler) => {
  test('variables whose old names are those of others are told', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    expect(comparison.before.named('count.1')).toHaveLength(1);
    expect(comparison.after.named('count.1')).toHaveLength(1);
    const told = said(await assessCase(folder, { compiler }), 'KLP122');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('note KLP122: count.0: 2 static variables have another number after the fix');
    expect(told[0]).toContain('count.1 of f is count.2');
  });

  test('a function that is added at the top renumbers nothing', async () => {
    const judgement = await assessCase(folder, { compiler, after: 'twin-after.c' });
    expect(said(judgement, 'KLP122')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP122');
  });
});

test('KLP122: clang names the function as well', async () => {
  for (const compiler of ['clang-14', 'clang-19'])
    expect(said(await assessCase(folder, { compiler }), 'KLP122')).toEqual([]);
});

test('KLP122 of the comparison: two variables that nothing tells apart are refused', async () => {
  const judgement = await assessCase(folder, { before: 'unclear.c', after: 'unclear-after.c' });
  expect(said(judgement, 'KLP122').join()).toContain('which static variable hits is which cannot be told');
});
