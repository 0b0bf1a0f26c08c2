import type { Pitfall } from '../src/pitfall.ts';
import { isClang } from '../src/toolchain.ts';

/** A static variable of two values, kept in a byte. */
export const klp133: Pitfall = {
  id: 'KLP133',
  name: 'clang-bool-shrink',
  title: 'A static variable of two values, kept in a byte',
  severity: 'error',
  statement:
    'clang keeps a static int that only ever holds its initial value and one other constant in a single byte, under the same name; a fix that adds a third value gives it its full size again.',
  seen: 'clang-14, clang-16, clang-19; gcc does not do it',
  safeWay:
    'Put the new state into a variable of its own that the livepatch brings, set it from the old one in a callback, and patch every function that uses it.',
  unit: {
    needs: [],
    *find({ comparison }) {
      if (!isClang(comparison.before.elf)) return;
      for (const { name, before, after } of comparison.data) {
        if (!before || !after || before.size === after.size || !isNumber(before.size + after.size - 1))
          continue;
        const [small, large] = [before, after].sort((a, b) => a.size - b.size);
        if (small.size !== 1 || !isNumber(large.size)) continue;
        const grows = before === small;
        yield {
          severity: 'note',
          what: `${name} is ${large.size} bytes in the source, and clang keeps it in one byte ${grows ? 'before' : 'after'} the fix`,
          why: grows
            ? 'it held one of two values, and the byte says which; the fix adds a third, so the number itself must be stored, and the running kernel has no room for it'
            : 'the fix leaves it two values, so clang now stores which of them it is; the running kernel stores the number itself',
          next: `leave the values of ${name} as they are, and keep the new state in a variable of its own`,
          certainty: 'likely',
          evidence: ['sizes of the variable in both objects', 'both were compiled by clang'],
          at: { symbol: name },
        };
      }
    },
  },
};

/** A size that an integer of the source may have beside one byte. */
function isNumber(size: number): boolean {
  return size === 2 || size === 4 || size === 8;
}
