import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'clang-14', 'clang-16', 'clang-19'])('KLP111 with %s', (compiler) => {
  test('a function that gets its check back is told, with the caller that needs it', async () => {
    const told = said(await assessCase(folder, { compiler }), 'KLP111');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('note KLP111: get: get changes although its source does not');
    expect(told[0]).toContain('second passes others now');
  });

  test('a caller that stays within the same values is not', async () => {
    const judgement = await assessCase(folder, { compiler, after: 'twin-after.c' });
    expect(said(judgement, 'KLP111')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP111');
  });
});
