import { describe, expect, test } from 'vitest';
import type { Edit } from '../src/index.ts';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;

/** What the fix of `buf.h` edits; the cases choose between the two bodies by a macro. */
const edits: Edit[] = [
  {
    path: 'include/linux/buf.h',
    line: 4,
    removed: ['	return b->cap - b->len;'],
    added: ['	return b->len < b->cap ? b->cap - b->len : 0;'],
    inside: 'buf_room',
  },
];

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-19'])('KLP103 with %s', (compiler) => {
  test('copies of an inline function of a header are told', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    expect(comparison.before.named('buf_room')).toEqual([]);
    const told = said(await assessCase(folder, { compiler, evidence: { edits } }), 'KLP103');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(
      'buf_room is an inline function of include/linux/buf.h: case.c holds copies of it in user_a',
    );
  });

  test('a local copy out of line is told as well', async () => {
    const options = { compiler, before: 'other.c', after: 'other-after.c', evidence: { edits } };
    const { comparison } = await unitCase(folder, options);
    expect(comparison.before.named('buf_room')).toHaveLength(1);
    expect(said(await assessCase(folder, options), 'KLP103').join()).toContain(
      'holds copies of it in user_b and a local copy out of line',
    );
  });

  test('a function of the unit that the header has a stand-in for is not', async () => {
    const options = { compiler, before: 'own.c', after: 'own-after.c', evidence: { edits } };
    const { comparison } = await unitCase(folder, options);
    expect(comparison.functions.map(({ name, status }) => `${name} ${status}`)).toContain('buf_room changed');
    expect(said(await assessCase(folder, options), 'KLP103')).toEqual([]);
  });

  test('a function of the header that the unit does not use is not', async () => {
    const other = edits.map((edit) => ({ ...edit, inside: 'buf_reset' }));
    const judgement = await assessCase(folder, { compiler, evidence: { edits: other } });
    expect(said(judgement, 'KLP103')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP103');
  });
});
