import { findSection, readElf, sectionBytes } from '@klpkit/formats';
import { describe, expect, test } from 'vitest';
import { compile } from '../testing/compile.ts';
import { compareTypes } from './compare.ts';
import { enumFinding } from './findings.ts';

async function typesOf(source: string): Promise<Uint8Array> {
  const elf = readElf(await compile(source, ['-gbtf']));
  const section = findSection(elf, '.BTF');
  if (!section) throw new Error('no types');
  return sectionBytes(elf, section);
}

async function enums(before: string, after: string): Promise<string[]> {
  const unit = (declarations: string) => typesOf(`${declarations}\nint f(int n) { return external(n) + B; }`);
  const [had, has] = await Promise.all([unit(before), unit(after)]);
  return compareTypes(had, has).enums.map((change) => {
    const { severity, what } = enumFinding(change);
    return `${severity} ${what}`;
  });
}

describe('the values of an enumeration', () => {
  const state = 'enum state { A, B, C, NR_STATES };';

  test('are the same, whatever stands around them', async () => {
    expect(await enums(state, state)).toEqual([]);
    expect(await enums(state, `/* a comment */ enum other { X }; ${state} enum other keep;`)).toEqual([]);
    expect(await enums('enum state { A, B };', 'enum state { A, B = 1 };')).toEqual([]);
  });

  test('move when one is inserted', async () => {
    expect(await enums(state, state.replace('B,', 'NEW, B,'))).toEqual([
      'error enum state changes B from 1 to 2, C from 2 to 3, NR_STATES from 3 to 4',
    ]);
    expect(await enums(state, state.replace('A,', ''))).toEqual([
      'error enum state changes B from 1 to 0, C from 2 to 1, NR_STATES from 3 to 2',
    ]);
  });

  test('do not move when one is appended; the name that counts them does', async () => {
    const open = 'enum state { A, B, C };';
    expect(await enums(open, open.replace('C }', 'C, D }'))).toEqual([]);
    expect(await enums(state, state.replace('NR_STATES', 'D, NR_STATES'))).toEqual([
      'warning enum state gets D at its end, which moves NR_STATES from 3 to 4',
    ]);
    // A name that means something is no end.
    expect(await enums('enum state { A, B, C };', 'enum state { A, B, D, C };')).toEqual([
      'error enum state changes C from 2 to 3',
    ]);
  });

  test('of an unnamed one are found by its names', async () => {
    expect(await enums('enum { A, B = 4 };', 'enum { A, B = 8 };')).toEqual([
      'error an unnamed enumeration changes B from 4 to 8',
    ]);
    expect(await enums('enum { A, B = 4 };', 'enum { A, B = 4 }; enum { C = 1 }; int x[C];')).toEqual([]);
  });

  test('that need a wider type change its objects', async () => {
    const wide = 'enum state { A, B } __attribute__((packed)); enum state kept;';
    expect(await enums(wide, wide.replace('B }', 'B, C = 300 }'))).toEqual([
      'error enum state changes its objects from 1 to 2 bytes',
    ]);
  });
});
