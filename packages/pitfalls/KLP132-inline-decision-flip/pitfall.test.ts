import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-16', 'clang-19'])('KLP132 with %s', (compiler) => {
  test('a function that becomes too big to be inlined is told', async () => {
    const [finding, ...more] = said(await assessCase(folder, { compiler }), 'KLP132');
    const symbol = compiler.startsWith('gcc') ? 'parse.part.0' : 'parse';
    expect(finding).toContain(
      `note KLP132: parse: parse was inlined into rx and tx and is now a function of its own: ${symbol}`,
    );
    expect(more).toEqual([]);
  });

  test('and so is the reverse', async () => {
    const judgement = await assessCase(folder, { compiler, before: 'after.c', after: 'before.c' });
    expect(said(judgement, 'KLP132').join()).toContain(
      'parse was a function of its own and is now inlined into rx and tx',
    );
  });

  test('one that stays small is not', async () => {
    const judgement = await assessCase(folder, { compiler, after: 'twin-after.c' });
    expect(said(judgement, 'KLP132')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP132');
  });
});
