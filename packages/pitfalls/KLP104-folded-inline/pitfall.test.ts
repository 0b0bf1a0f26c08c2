import { readPlacement } from '@klpkit/compare';
import { describe, expect, test } from 'vitest';
import { assessUnit } from '../src/index.ts';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-16', 'clang-19'])('KLP104 with %s', (compiler) => {
  test('a body that left no trace in DWARF is told', async () => {
    const { placement } = await unitCase(folder, { compiler });
    const inlined = placement?.before.functions.get('max_frags')?.inlined ?? [];
    expect(inlined.flatMap(({ by }) => by)).not.toContain('dwarf');
    const told = said(await assessCase(folder, { compiler }), 'KLP104');
    expect(told.length).toBeGreaterThan(0);
    expect(told.join('\n')).toContain(
      'note KLP104: max_frags: max_frags is folded into queue, and DWARF does not say so',
    );
  });

  test('a body that is more than a number is not', async () => {
    const judgement = await assessCase(folder, { compiler, before: 'twin.c', after: 'twin-after.c' });
    expect(said(judgement, 'KLP104')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP104');
  });
});

test('KLP104: without the record of the compiler the callers are unknown', async () => {
  const unit = await unitCase(folder);
  const { before, after } = unit.comparison;
  const placement = { before: readPlacement(before), after: readPlacement(after) };
  expect(said(assessUnit({ ...unit, placement }), 'KLP104').join()).toContain(
    'DWARF names no caller of max_frags: its body is folded into callers without a trace',
  );
});
