import { describe, expect, test } from 'vitest';
import { said, unitCase } from '../testing/case.ts';
import { assessExtraction } from '../testing/extraction.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-19'])('KLP313 with %s', (compiler) => {
  test('a new per-CPU variable is refused, and the old one is found all the same', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    const status = (name: string) => comparison.functions.find((change) => change.name === name)?.status;
    expect([status('rx'), status('tx')]).toEqual(['changed', 'same']);
    const [error, note, ...more] = said(await assessExtraction(folder, {}, { compiler }), 'KLP313');
    expect(error).toContain(
      'error KLP313: unit.c:drops:.data..percpu: the new per-CPU variable drops cannot come with a livepatch',
    );
    expect(note).toContain(
      'the offsets of per-CPU variables move with the new drops; rx refers to the old ones',
    );
    expect(more).toEqual([]);
  });

  test('an ordinary variable is fine', async () => {
    const twin = await assessExtraction(folder, {}, { compiler, after: 'twin-after.c' });
    expect(said(twin, 'KLP313')).toEqual([]);
  });
});
