import { sourceName } from '../src/clones.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { copiesIn } from '../src/unit.ts';
import { list, unique, verb } from '../src/words.ts';

/** The fix flips an inlining decision. */
export const klp132: Pitfall = {
  id: 'KLP132',
  name: 'inline-decision-flip',
  title: 'The fix flips an inlining decision',
  severity: 'warning',
  statement:
    'A few more lines make a function too big to be inlined (or a few less make it small enough): a symbol appears or vanishes, and callers that the fix does not touch change.',
  seen: 'gcc-11, gcc-12, clang-14, clang-16, clang-19',
  safeWay:
    'Nothing has to be done on the binary route. To keep the livepatch small, mark the function __always_inline or noinline in the fix, as it was.',
  unit: {
    needs: ['placement'],
    *find({ comparison, placement }) {
      const names = unique(
        comparison.functions
          .filter(({ status, parent }) => !parent && (status === 'new' || status === 'removed'))
          .map(({ name }) => sourceName(name)),
      );
      for (const name of names) {
        const was = placement?.before.functions.get(name);
        const is = placement?.after.functions.get(name);
        if (!was || !is) continue;
        const [had, has] = [was.symbols.length > 0, is.symbols.length > 0];
        const holders = copiesIn(had ? placement?.after : placement?.before, name).filter(
          (into) => into !== name,
        );
        if (had === has || holders.length === 0) continue;
        yield {
          severity: 'note',
          what: had
            ? `${name} was a function of its own and is now inlined into ${list(holders)}`
            : `${name} was inlined into ${list(holders)} and is now a function of its own: ${list(is.symbols)}`,
          why: `${list(holders)} ${verb(holders, 'changes', 'change')} with it, whether the fix touches ${verb(holders, 'it', 'them')} or not`,
          evidence: ['inlining of both objects'],
          at: { symbol: name },
        };
      }
    },
  },
};
