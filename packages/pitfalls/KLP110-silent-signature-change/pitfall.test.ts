import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['clang-14', 'clang-16', 'clang-19'])('KLP110 with %s', (compiler) => {
  test('callers that pass other registers are told', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    expect(comparison.before.named('check')).toHaveLength(1);
    const told = said(await assessCase(folder, { compiler }), 'KLP110');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(
      'note KLP110: check: resubmit and submit pass other registers to check after the fix',
    );
  });

  test('arguments that stay where they are are not', async () => {
    const judgement = await assessCase(folder, { compiler, before: 'twin.c', after: 'twin-after.c' });
    expect(said(judgement, 'KLP110')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP110');
  });
});

test('KLP110: gcc gives such a function a suffix instead', async () => {
  const judgement = await assessCase(folder);
  expect(said(judgement, 'KLP110')).toEqual([]);
  expect([...said(judgement, 'KLP106'), ...said(judgement, 'KLP107')].join()).toContain('check.');
});
