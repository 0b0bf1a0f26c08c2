import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-16', 'clang-19'])('KLP116 with %s', (compiler) => {
  test('variables that get storage are told, with their readers', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    for (const name of ['max_retry', 'debug_on']) expect(comparison.before.named(name)).toEqual([]);
    const told = said(await assessCase(folder, { compiler }), 'KLP116');
    expect(told).toHaveLength(2);
    expect(told.join('\n')).toContain(
      'has no storage in the running kernel: nothing wrote it, and its initial value is part of the code of',
    );
  });

  test('variables that the fix declares are not', async () => {
    const judgement = await assessCase(folder, { compiler, before: 'twin.c', after: 'twin-after.c' });
    expect(said(judgement, 'KLP116')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP116');
  });
});
