import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-16', 'clang-19'])('KLP112 with %s', (compiler) => {
  test('callers whose calls come back are told', async () => {
    const told = said(await assessCase(folder, { compiler }), 'KLP112');
    expect(told).toHaveLength(2);
    expect(told.join('\n')).toContain(
      'note KLP112: prefetch: prefetch calls look nowhere before and once after the fix',
    );
    expect(told.join('\n')).toContain('twice calls look once before and twice after the fix');
  });

  test('a function that stays without effect is not', async () => {
    const judgement = await assessCase(folder, { compiler, after: 'twin-after.c' });
    expect(said(judgement, 'KLP112')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP112');
  });
});
