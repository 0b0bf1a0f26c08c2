import type { ObjectModel, Piece } from '@klpkit/compare';
import { EM } from '@klpkit/formats';
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
  seen: 'clang-16, clang-19 with -fsanitize=kcfi',
  safeWay:
    'Keep the prototype of a function that is called through a pointer. Pass what is new in another way, or add a function beside it.',
  unit: {
    needs: [],
    *find({ comparison }) {
      const { before, after, correlation } = comparison;
      if (before.arch.machine !== EM.X86_64) return;
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
          what: `the kCFI hash of ${a.name} is 0x${was.toString(16)} before and 0x${is.toString(16)} after`,
          why: `a pointer to it leads to the old function, with the old hash in front, and ${list(holders)} ${holders.length === 1 ? 'takes' : 'take'} its address: an indirect call that was compiled with the new prototype traps`,
          next: `keep the prototype of ${a.name}`,
          evidence: ['the code in front of the function in both objects'],
          at: { symbol: a.name },
        };
      }
    },
  },
};

/** The hash in front of a function: the operand of `mov $hash, %eax` (B8), which `__cfi_NAME` names. */
function hashOf(model: ObjectModel, { name }: Piece): number | undefined {
  const [prefix] = model.named(`__cfi_${name}`);
  if (!prefix) return undefined;
  const bytes = model.content(prefix);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Padding may stand before the instruction and behind it.
  for (const { offset, length } of model.arch.steps(bytes))
    if (length === 5 && bytes[offset] === 0xb8) return view.getUint32(offset + 1, true);
  return undefined;
}
