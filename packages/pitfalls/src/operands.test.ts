import type { ObjectModel, Piece } from '@klpkit/compare';
import { describe, expect, test } from 'vitest';
import { unitCase } from '../testing/case.ts';
import { argumentsSet, frameStores, givesFrameAway } from './operands.ts';
import { folderOf } from './pages.ts';
import { canReturn, codeCanReturn, lastCalls } from './returns.ts';
import { addressesIn, readsIn, writesIn } from './variables.ts';

async function sides(id: string, name: string, compiler = 'gcc-12') {
  const { before, after } = (await unitCase(folderOf({ id, name }), { compiler })).comparison;
  return { before, after };
}

const only = (model: ObjectModel, name: string): Piece => model.named(name)[0];
const names = (pieces: readonly Piece[]) => pieces.map(({ name }) => name).sort();

test.each(['gcc-12', 'clang-19'])('what %s lets a function do with variables', async (compiler) => {
  const { after } = await sides('KLP115', 'ipa-reference', compiler);
  expect(names(writesIn(after, only(after, 'account')))).toEqual(['state', 'stats']);
  expect(names(readsIn(after, only(after, 'account')))).toEqual(['stats']);
  expect(names(writesIn(after, only(after, 'delta')))).toEqual([]);
  expect(names(readsIn(after, only(after, 'delta')))).toEqual(['state']);
  const quota = await sides('KLP118', 'nonaddressable-static', compiler);
  expect(names(addressesIn(quota.after, only(quota.after, 'export_quota')))).toEqual(['quota']);
  expect(names(addressesIn(quota.after, only(quota.after, 'charge')))).toEqual([]);
  expect(names(readsIn(quota.after, only(quota.after, 'export_quota')))).toEqual([]);
});

test('what a function does with its frame and its arguments', async () => {
  const { before, after } = await sides('KLP114', 'modref-store-elided');
  const stores = [before, after].map((model) => frameStores(model, only(model, 'build')));
  expect((stores[1] ?? 0) - (stores[0] ?? 0)).toBe(1);
  expect(givesFrameAway(after, only(after, 'build'))).toBe(true);
  expect(givesFrameAway(after, only(after, 'classify'))).toBe(false);
  const call = await sides('KLP110', 'silent-signature-change', 'clang-19');
  const set = ({ before: model }: typeof call) =>
    argumentsSet(model, only(model, 'submit'), only(model, 'check'));
  expect(set(call)).toEqual([['rsi']]);
  expect(set({ ...call, before: call.after })).toEqual([['rdx']]);
});

describe('coming back', () => {
  test.each(['gcc-12', 'clang-19'])('with %s', async (compiler) => {
    const { before, after } = await sides('KLP113', 'noreturn', compiler);
    expect([before, after].map((model) => canReturn(model, only(model, 'fatal')))).toEqual([false, true]);
    expect(canReturn(before, only(before, 'check'))).toBe(true);
    expect(names(lastCalls(before, only(before, 'always')))).toEqual(['fatal']);
    expect(lastCalls(after, only(after, 'always'))).toEqual([]);
  });

  test('of shipped code', async () => {
    const { before } = await sides('KLP113', 'noreturn');
    const loop = Uint8Array.of(0xe8, 0, 0, 0, 0, 0xeb, 0xf9);
    expect(codeCanReturn(before, loop)).toBe(false);
    expect(codeCanReturn(before, Uint8Array.of(...loop, 0xc3))).toBe(true);
    // A jump out of the function: a tail call, or the thunk that returns.
    expect(codeCanReturn(before, Uint8Array.of(0xe9, 0, 1, 0, 0))).toBe(true);
  });
});
