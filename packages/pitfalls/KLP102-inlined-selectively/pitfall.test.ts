import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';
import { checkCase } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-19'])('KLP102 with %s', (compiler) => {
  test('a function with a symbol and with copies is told, with the callers that hold them', async () => {
    const unit = await unitCase(folder, { compiler });
    expect(unit.comparison.before.named('sess_valid')).toHaveLength(1);
    const [finding, ...more] = said(await assessCase(folder, { compiler }), 'KLP102');
    expect(finding).toContain(
      'note KLP102: sess_valid: sess_valid also has copies inside sess_read and sess_write',
    );
    expect(finding).toContain('found every one changed');
    expect(more).toEqual([]);
  });

  test('a function that is called everywhere is not', async () => {
    const judgement = await assessCase(folder, {
      compiler,
      before: 'twin.c',
      after: 'twin-after.c',
    });
    expect(said(judgement, 'KLP102')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP102');
  });
});

describe('KLP102 of a finished module', () => {
  test('which lacks a caller with a copy', async () => {
    const { placement } = await unitCase(folder);
    const where = new Map(
      [['vmlinux:sess_valid,0', placement?.before]].filter((entry) => entry[1] !== undefined) as [
        string,
        NonNullable<typeof placement>['before'],
      ][],
    );
    const alone = await checkCase(folder, 'alone.c', { placement: where });
    expect(said(alone, 'KLP102').join('\n')).toContain(
      'sess_read and sess_write hold copies of it and are not',
    );
    const whole = await checkCase(folder, 'whole.c', { placement: where });
    expect(said(whole, 'KLP102')).toEqual([]);
    const unknown = await checkCase(folder, 'alone.c');
    expect(unknown.unchecked.find(({ id }) => id === 'KLP102')?.missing).toEqual(['placement']);
  });
});
