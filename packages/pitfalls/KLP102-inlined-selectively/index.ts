import type { Placement } from '@klpkit/compare';
import { isObjectDiff } from '../src/builders.ts';
import { sourceName } from '../src/clones.ts';
import { placementKey, type Replacement, replacements } from '../src/evidence.ts';
import type { Observation, Pitfall } from '../src/pitfall.ts';
import { isTouched } from '../src/unit.ts';
import { list, unique, verb } from '../src/words.ts';

/** Function inlined into some callers only. */
export const klp102: Pitfall = {
  id: 'KLP102',
  name: 'inlined-selectively',
  title: 'Function inlined into some callers only',
  severity: 'error',
  statement:
    'The symbol exists, has an ftrace entry and patches without complaint, but callers with an inlined copy keep running the old code.',
  seen: 'gcc-11, gcc-12, clang-14, clang-16, clang-19; at run time on Linux 6.1',
  safeWay: 'Add the callers that hold a copy to the livepatch, or patch those callers alone.',
  unit: {
    needs: ['placement'],
    *find({ comparison, placement }) {
      const names = unique(
        comparison.functions
          .filter(({ status }) => status === 'changed')
          .map((change) => sourceName(change.before?.name ?? change.name)),
      );
      for (const name of names) {
        const copies = copiesOf(placement?.before, name);
        if (copies.length === 0) continue;
        const unchanged = copies.filter((into) => !isTouched({ comparison }, into));
        yield {
          severity: 'note',
          what: `${name} also has copies inside ${list(copies)}`,
          why:
            unchanged.length === 0
              ? 'a livepatch of the one symbol would leave the copies as they are; the comparison found every one changed, so they are replaced too'
              : `a livepatch of the one symbol would leave the copies as they are; the code of ${list(unchanged)} is the same on both sides, so the fix does not reach that copy`,
          evidence: ['inlining of the before object', 'comparison of the objects'],
          at: { symbol: name },
        };
      }
    },
  },
  livepatch: {
    needs: ['tables', 'placement'],
    *find({ livepatch, placement, elf }) {
      const all = replacements(livepatch);
      for (const one of all) {
        const missing = copiesOf(placement?.get(placementKey(one)), one.oldName).filter(
          (into) => !all.some((other) => other.object === one.object && sourceName(other.oldName) === into),
        );
        if (missing.length === 0) continue;
        // Whoever compares objects knows that these copies are the same on both sides.
        if (isObjectDiff(livepatch, elf)) yield left(one, missing);
        else yield missed(one, missing);
      }
    },
  },
};

function left({ object, oldName }: Replacement, missing: readonly string[]): Observation {
  return {
    severity: 'note',
    certainty: 'likely',
    what: `${oldName} of ${object} is replaced, and ${list(missing)} ${verb(missing, 'keeps its copy', 'keep their copies')}`,
    why: 'the livepatch was made by comparing objects, and there these copies are the same on both sides',
    evidence: [
      "the unit that defines it, compiled with the kernel's own compiler and flags",
      'symbols of the module',
    ],
    at: { symbol: oldName },
  };
}

function missed({ object, oldName }: Replacement, missing: readonly string[]): Observation {
  return {
    what: `${oldName} of ${object} is replaced, but ${list(missing)} ${verb(missing, 'holds a copy of it and is', 'hold copies of it and are')} not`,
    why: 'these callers go on running the old code, and the kernel says that patching is complete',
    next: `replace ${list(missing)} as well, or say why the copies do not matter`,
    evidence: ["the unit that defines it, compiled with the kernel's own compiler and flags"],
    at: { symbol: oldName },
  };
}

/** Out-of-line functions that hold a copy of `name`, which has code of its own as well. Sorted, each once. */
function copiesOf(placement: Placement | undefined, name: string): string[] {
  const found = placement?.functions.get(sourceName(name));
  if (!found || found.symbols.length === 0) return [];
  return unique(found.inlined.map(({ into }) => into)).filter((into) => into !== found.name);
}
