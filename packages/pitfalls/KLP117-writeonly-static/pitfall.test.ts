import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-16', 'clang-19'])('KLP117 with %s', (compiler) => {
  test('a variable that gets storage is told, with who wrote it', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    expect(comparison.before.named('last_seen')).toEqual([]);
    const told = said(await assessCase(folder, { compiler }), 'KLP117');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(
      'warning KLP117: last_seen: last_seen has no storage in the running kernel: note writes it and nothing read it',
    );
    expect(told[0]).toContain('stale reads it now');
  });

  test('a variable that was read all along is not', async () => {
    const judgement = await assessCase(folder, { compiler, before: 'twin.c', after: 'twin-after.c' });
    expect(said(judgement, 'KLP117')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP117');
  });
});
