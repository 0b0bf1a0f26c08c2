import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11'])('KLP120 with %s', (compiler) => {
  test('a table that comes apart from its twin is told', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    expect(comparison.before.named('tx_map')).toEqual([]);
    const told = said(await assessCase(folder, { compiler }), 'KLP120');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(
      'note KLP120: tx_map: tx_map is not in the running kernel: it was folded into rx_map',
    );
  });

  test('tables that differ from the beginning are not', async () => {
    const judgement = await assessCase(folder, { compiler, before: 'twin.c', after: 'twin-after.c' });
    expect(said(judgement, 'KLP120')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP120');
  });
});

describe.each(['clang-14', 'clang-19'])('KLP120 with %s', (compiler) => {
  test('the tables are constants without identity, and are compared by content', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    const changed = comparison.functions.filter(({ status }) => status !== 'same');
    expect(changed.map(({ name }) => name)).toEqual(['tx']);
    expect(changed[0].difference?.before).toMatch(/^constant 01000000/);
    expect(said(await assessCase(folder, { compiler }), 'KLP120')).toEqual([]);
  });
});
