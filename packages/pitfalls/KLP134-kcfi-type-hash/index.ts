import { type ObjectModel, type Piece, typeHashOf } from '@klpkit/compare';
import { holdersOf } from '../src/calls.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list, unique } from '../src/words.ts';

/** kCFI type hashes. */
export const klp134: Pitfall = {
  id: 'KLP134',
  name: 'kcfi-type-hash',
  title: 'The type of an indirectly called function changes under kCFI',
  severity: 'error',
  statement:
    'With kCFI a hash of the prototype stands in front of each function, and an indirect call compares it first; the running kernel keeps the old hash, so a patched caller that expects the new one traps.',
  seen: 'clang-16, clang-19 with -fsanitize=kcfi, for x86-64 and arm64',
  safeWay:
    'Keep the prototype of a function that is called through a pointer. Pass what is new in another way, or add a function beside it.',
  unit: {
    needs: [],
    *find({ comparison }) {
      const { before, after, correlation } = comparison;
      for (const b of before.pieces) {
        const a = b.kind === 'function' ? correlation.afterOf(b) : undefined;
        if (!a || b.name.startsWith('__cfi_')) continue;
        const [was, is] = [hashOf(before, b), hashOf(after, a)];
        if (was === undefined || is === undefined || was === is) continue;
        const holders = unique(
          [...holdersOf(before, b), ...holdersOf(after, a)]
            .map(({ name }) => name)
            .filter((name) => name !== ''),
        );
        if (holders.length === 0) continue;
        yield {
          what: `the kCFI hash of ${a.name} is ${was} before and ${is} after`,
          why: `a pointer to it leads to the old function, with the old hash in front, and ${list(holders)} ${holders.length === 1 ? 'takes' : 'take'} its address: an indirect call that was compiled with the new prototype traps`,
          next: `keep the prototype of ${a.name}`,
          evidence: ['the code in front of the function in both objects'],
          at: { symbol: a.name },
        };
      }
    },
  },
};

/** The hash in front of a function: on x86 the operand of `mov $hash, %eax` (B8), on arm64 a word of its own; the low byte first. */
function hashOf(model: ObjectModel, piece: Piece): string | undefined {
  const bytes = typeHashOf(model, piece)?.match(/^(?:b8)?([0-9a-f]{8})$/)?.[1];
  return (
    bytes &&
    `0x${bytes
      .match(/../g)
      ?.reverse()
      .join('')
      .replace(/^0+(?=.)/, '')}`
  );
}
