import { readElf, readSymbols, SHN } from '@klpkit/formats';
import { beforeAll, describe, expect, it } from 'vitest';
import { renameUndefined } from './rename.ts';
import { makeModule, readelf, sample } from './testing/module.ts';

let ko: Uint8Array;
beforeAll(async () => {
  ko = await makeModule(sample);
});

const symbolNames = (bytes: Uint8Array, isUndefined: boolean) => {
  const symbols = readSymbols(readElf(bytes));
  const names: string[] = [];
  for (let index = 1; index < symbols.count; index++)
    if ((symbols.section[index] === SHN.UNDEF) === isUndefined) names.push(symbols.name(index));
  return names;
};

describe('renameUndefined', () => {
  it('renames what is undefined, and nothing else', async () => {
    const names = new Map([
      ['ref_2_helper', 'helper_of_loop'],
      ['__klpkit_new_0_show', 'not this one, which is defined'],
      ['absent', 'nothing'],
    ]);
    expect(symbolNames(ko, true)).toContain('ref_2_helper');
    const renamed = renameUndefined(ko, names);
    expect(symbolNames(renamed, true)).toEqual(
      symbolNames(ko, true).map((name) => (name === 'ref_2_helper' ? 'helper_of_loop' : name)),
    );
    expect(symbolNames(renamed, false)).toEqual(symbolNames(ko, false));
    const { text, complaints } = await readelf(renamed);
    expect(complaints).toBe('');
    expect(text).toContain('R_X86_64_PLT32         0000000000000000 helper_of_loop - 4');
  });

  it('gives back what it was given when there is nothing to rename', () => {
    expect(renameUndefined(ko, new Map([['absent', 'x']]))).toBe(ko);
  });
});
