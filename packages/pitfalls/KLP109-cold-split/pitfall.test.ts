import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';
import { checkCase } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11'])('KLP109 with %s', (compiler) => {
  test('a change in the cold part alone is told', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    expect(comparison.before.named('work.cold')[0].section.name).toBe('.text.unlikely.work');
    const told = said(await assessCase(folder, { compiler }), 'KLP109');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(
      'note KLP109: work.cold:.text.unlikely.work: only the cold part work.cold of work changes',
    );
  });

  test('a change of the likely path is not', async () => {
    const judgement = await assessCase(folder, { compiler, before: 'twin.c', after: 'twin-after.c' });
    expect(said(judgement, 'KLP109')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP109');
  });
});

describe('KLP109 of a finished module', () => {
  test('which names a cold part', async () => {
    const told = said(await checkCase(folder, 'faulty.c'), 'KLP109').join('\n');
    expect(told).toContain(
      'error KLP109: work.cold: the livepatch replaces work.cold of vmlinux, a cold part',
    );
    const innocent = await checkCase(folder, 'innocent.c');
    expect(said(innocent, 'KLP109')).toEqual([]);
    expect(innocent.unchecked.map(({ id }) => id)).not.toContain('KLP109');
  });
});

test('KLP109 of the comparison: a cold part without its parent is refused', async () => {
  const judgement = await assessCase(folder, { before: 'orphan.c', after: 'orphan-after.c' });
  expect(said(judgement, 'KLP109').join()).toContain('other.cold is a cold part without its parent');
});
