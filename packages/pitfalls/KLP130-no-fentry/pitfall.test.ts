import { describe, expect, test } from 'vitest';
import { said } from '../testing/case.ts';
import { assessExtraction } from '../testing/extraction.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-19'])('KLP130 with %s', (compiler) => {
  test('a function that ftrace cannot enter is refused, or goes with its callers', async () => {
    const [error, note, ...more] = said(await assessExtraction(folder, {}, { compiler }), 'KLP130');
    expect(error).toContain('error KLP130: unit.c:quiet: quiet has no ftrace entry');
    expect(note).toContain(
      'note KLP130: unit.c:helper: helper has no ftrace entry, so its callers take the fixed copy along: u1, u2',
    );
    expect(more).toEqual([]);
  });

  test('an ordinary function beside them is fine', async () => {
    const judgement = await assessExtraction(folder, {}, { compiler, after: 'twin-after.c' });
    expect(said(judgement, 'KLP130')).toEqual([]);
  });
});
