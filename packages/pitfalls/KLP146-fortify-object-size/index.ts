import { externalsOf, livepatched } from '../src/code.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions } from '../src/unit.ts';
import { list } from '../src/words.ts';

/** A fortified copy that lost its check. */
export const klp146: Pitfall = {
  id: 'KLP146',
  name: 'fortify-object-size',
  title: 'A copy loses its bounds check',
  severity: 'warning',
  statement:
    'The fortified memcpy() and strcpy() check against the size of the object that the compiler sees; moved to a helper that is only given a pointer, the size is unknown, and the check is gone without a word.',
  seen: 'gcc-11, gcc-12, clang-14, clang-19',
  safeWay:
    'Keep the access where the object is, make the helper __always_inline, or check the length by hand in the fix.',
  unit: {
    needs: [],
    *find(evidence) {
      const { comparison } = evidence;
      const { before, after } = comparison;
      const fresh = comparison.functions.flatMap((change) =>
        change.status === 'new' && change.after ? [change.after] : [],
      );
      const included = livepatched(comparison);
      if (included.some((piece) => isFortified(externalsOf(after, piece)))) return;
      for (const { name, before: b, after: a } of changedFunctions(evidence)) {
        if (!isFortified(externalsOf(before, b))) continue;
        const copies = [a, ...fresh].flatMap((piece) => copiers(externalsOf(after, piece)));
        const had = copiers(externalsOf(before, b));
        const left = [...new Set(copies.filter((copy) => had.includes(copy)))].sort();
        if (left.length === 0) continue;
        yield {
          what: `${name} had a bounds check (${[...externalsOf(before, b)].find((external) => panic.test(external))}) before the fix and has none after, and ${list(left)} is still called`,
          why: 'the compiler no longer sees how large the object is, so a length that is too great is not caught at run time any more',
          next: 'copy where the object is known, or check the length in the fix',
          certainty: 'likely',
          evidence: ['undefined symbols of both objects'],
          at: { symbol: name },
        };
      }
    },
  },
};

/** What the checks of include/linux/fortify-string.h call when they fail. */
const panic = /^_{0,2}fortify_(panic|report)$/;
const copier =
  /^(__|__real_|__underlying_)?(mem(cpy|move|set|cmp|chr|scan)|str(cpy|ncpy|cat|ncat|lcpy|lcat|scpy|len|nlen)|sized_strscpy)$/;

function isFortified(externals: ReadonlySet<string>): boolean {
  return [...externals].some((name) => panic.test(name));
}

function copiers(externals: ReadonlySet<string>): string[] {
  return [...externals].filter((name) => copier.test(name));
}
