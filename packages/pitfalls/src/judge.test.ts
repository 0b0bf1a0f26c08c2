import { type Placement, readPlacement } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import { expect, test } from 'vitest';
import { unitCase } from '../testing/case.ts';
import { checkCase, smallKernel } from '../testing/livepatch.ts';
import { pitfallOf } from './all.ts';
import { assessUnit, type UnitEvidence, withStepEvidence, worstFirst } from './index.ts';
import { folderOf } from './pages.ts';

const pitfall = pitfallOf('KLP402');
const folder = folderOf({ id: 'KLP402', name: pitfall?.name ?? '' });

test('findings come worst first, then by id, and keep their order', () => {
  const of = (id: string, severity: Finding['severity'], what: string): Finding => ({ id, severity, what });
  const sorted = worstFirst([
    of('KLP225', 'note', 'a'),
    of('KLP402', 'warning', 'b'),
    of('KLP203', 'error', 'c'),
    of('KLP402', 'warning', 'd'),
    of('KLP109', 'warning', 'e'),
  ]);
  expect(sorted.map(({ what }) => what).join('')).toBe('cebda');
});

test('rules about the operands of instructions are unchecked on machines whose operands are not read', async () => {
  const uncheckedWith = async (compiler: string) =>
    assessUnit(await unitCase(folderOf({ id: 'KLP110', name: 'silent-signature-change' }), { compiler }))
      .unchecked.filter(({ missing }) => missing.includes('operands'))
      .map(({ id }) => id);
  expect(await uncheckedWith('aarch64-linux-gnu-gcc-12')).toEqual(['KLP110', 'KLP114', 'KLP115', 'KLP118']);
  expect(await uncheckedWith('gcc-12')).toEqual([]);
});

test('what left no trace in debug information is unchecked without it, where the fix edits the unit itself', async () => {
  const unit = await unitCase(folderOf({ id: 'KLP104', name: 'folded-inline' }));
  const { before, after } = unit.comparison;
  const elf = { before: readPlacement(before), after: readPlacement(after) };
  const silent = (side: Placement): Placement => ({ ...side, witnesses: ['elf'] });
  const blind = { ...unit, placement: { before: silent(elf.before), after: silent(elf.after) } };
  const isUnchecked = (evidence: UnitEvidence) =>
    assessUnit(evidence).unchecked.some(({ id }) => id === 'KLP104');
  expect(isUnchecked(unit)).toBe(false);
  expect(isUnchecked(blind)).toBe(true);
  expect(isUnchecked({ ...blind, unit: 'other.c' })).toBe(false);
});

test('a rule that lacks something is unchecked, and checked when it is there', async () => {
  const unchecked = async (more: Parameters<typeof checkCase>[2]) =>
    (await checkCase(folder, 'faulty.c', more)).unchecked.map(({ id }) => id);
  expect(await unchecked({})).toContain('KLP203');
  expect(await unchecked({ kernel: smallKernel({ objects: { vmlinux: ['t poller'] } }) })).not.toContain(
    'KLP203',
  );
});

test('says what a finding of a step rests on, once, and leaves what says so itself', () => {
  const found = { id: 'KLP501', severity: 'error', what: 'a value changes' } as const;
  expect(pitfallOf('KLP501')?.foundBy).toEqual(['compare']);
  expect(withStepEvidence([found, { ...found, evidence: ['DWARF'] }, { ...found, id: 'units' }])).toEqual([
    { ...found, evidence: ['objects before and after the fix'] },
    { ...found, evidence: ['DWARF'] },
    { ...found, id: 'units' },
  ]);
});
