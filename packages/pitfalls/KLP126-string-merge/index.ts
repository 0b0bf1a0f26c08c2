import { describe, type ObjectModel, type Piece } from '@klpkit/compare';
import { partsOf } from '../src/calls.ts';
import { livepatched } from '../src/code.ts';
import type { Pitfall } from '../src/pitfall.ts';

/** String literals merged. */
export const klp126: Pitfall = {
  id: 'KLP126',
  name: 'string-merge',
  title: 'String literals have no address of their own',
  severity: 'warning',
  statement:
    'A string literal is a run of unnamed bytes that the compiler and the linker share, even as the tail of a longer one; it has no identity, and the livepatch has a copy at another address.',
  seen: 'gcc-11, gcc-12, clang-14, clang-19, and the linker',
  safeWay:
    'Use the livepatch’s own copy of a string, and compare strings by content. An array with a name has an address that code may compare.',
  unit: {
    needs: [],
    *find({ comparison }) {
      const { after } = comparison;
      for (const piece of livepatched(comparison))
        for (const part of partsOf(after, piece))
          for (const { offset, target } of after.referencesOf(part)) {
            if (target.kind !== 'string') continue;
            const instruction = comparisonAt(after, part, offset - part.start);
            if (!instruction) continue;
            yield {
              what: `${piece.name} compares a pointer with the address of the literal ${describe(target)}`,
              why: 'the livepatch has a copy of the literal at another address, so a pointer that the running kernel has stored never equals it',
              next: 'compare the content with strcmp(), or give the string a name and refer to the kernel’s own',
              evidence: [`the instruction ${instruction} of the fixed object`],
              at: { symbol: piece.name, section: part.section.name, offset },
            };
          }
    },
  },
};

/** The comparison that uses the address at `offset`: in its own operand, or right after it was loaded into a register. */
function comparisonAt({ arch, content }: ObjectModel, piece: Piece, offset: number): string | undefined {
  const code = content(piece);
  const one = arch.instructionAt(code, offset);
  if (!one || one.mnemonic.startsWith('cmp')) return one?.text;
  if (!/^(mov|lea)/.test(one.mnemonic)) return undefined;
  const next = arch.instructionAt(code, one.offset + one.length);
  // %eax is the low half of %rax, which is all of an address of the kernel that is extended with its sign.
  const register = /%[re]?(\w+)$/.exec(one.text)?.[1];
  if (!next?.mnemonic.startsWith('cmp') || register === undefined) return undefined;
  return new RegExp(`%r?${register}\\b`).test(next.text) ? next.text : undefined;
}
