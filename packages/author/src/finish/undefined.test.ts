import { writeObject } from '@klpkit/formats';
import { parseSymvers } from '@klpkit/kernel';
import { describe, expect, it } from 'vitest';
import { checkUndefined, undefinedSymbols } from './undefined.ts';

const exports = parseSymvers(
  [
    '0x1\tplain\tvmlinux\tEXPORT_SYMBOL\t',
    '0x2\tspaced\tvmlinux\tEXPORT_SYMBOL_GPL\tCXL',
    '0x3\tforeign\tdrivers/block/nbd\tEXPORT_SYMBOL\t',
    '',
  ].join('\n'),
);
const placeholder = { symbol: 'ref_0', object: 'vmlinux', name: 'x', sympos: 0, patched: 'vmlinux' };
const ids = (...names: string[]) => checkUndefined(names, [placeholder], exports).map(({ id }) => id);

describe('checkUndefined', () => {
  it('lets exports, placeholders and the module itself pass', () => {
    expect(ids('__this_module', 'plain', 'ref_0')).toEqual([]);
  });

  it('names everything else', () => {
    expect(ids('ref_0', 'hidden')).toEqual(['KLP301']);
    expect(ids('ref_0', 'spaced')).toEqual(['KLP224']);
    expect(ids('ref_0', 'foreign')).toEqual(['KLP304']);
    expect(ids('foreign', 'hidden', 'ref_0', 'spaced')).toEqual(['KLP304', 'KLP301', 'KLP224']);
  });

  it('notes a placeholder that nothing uses', () => {
    expect(ids('plain')).toEqual(['placeholder-unused']);
  });
});

describe('undefinedSymbols', () => {
  it('lists what an object wants, sorted, and not what it has', () => {
    const bytes = writeObject({
      sections: [{ name: '.text', flags: 6, data: new Uint8Array(4) }],
      symbols: [
        { name: 'own', section: 0, binding: 1 },
        { name: 'z', binding: 1 },
        { name: 'a', binding: 2 },
      ],
    });
    expect(undefinedSymbols(bytes)).toEqual(['a', 'z']);
  });
});
