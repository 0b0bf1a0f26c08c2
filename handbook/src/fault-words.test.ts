import { describe, expect, it } from 'vitest';
import { faults } from '../../packages/prove/src/log/faults.ts';
import { wordsOf } from './fault-words.ts';

describe('words of a pattern', () => {
  it.each([
    [/^livepatch: symbol '(?<symbol>.*)' not found/, "livepatch: symbol '…' not found"],
    [/^livepatch: (?:symbol|section) (?<symbol>.*) is wrong$/, 'livepatch: (symbol / section) … is wrong'],
    [/^(?:Oops: )?invalid opcode: (?<rest>.*)/, 'invalid opcode: …'],
    [/\bRIP: 0010:0x0\b/, 'RIP: 0010:0x0'],
    [/^kernel BUG at (?<place>\S+?)!?$/, 'kernel BUG at …'],
    [/^(?<what>.*[Ii]nvalid (?<more>a|b) \[x\])/, '…invalid (a / b) [x]'],
  ])('%s', (pattern, words) => {
    expect(wordsOf(pattern)).toBe(words);
  });

  it('hold nothing that only a pattern means, for any fault that is known', () => {
    for (const { id, pattern } of faults)
      if (pattern) expect(wordsOf(pattern), id).not.toMatch(/\\|\(\?|\?\)|\.\*|\|/);
  });
});
