import type { Placement } from '@klpkit/compare';
import { type Replacement, replacements } from '../src/evidence.ts';
import type { Observation, Pitfall } from '../src/pitfall.ts';

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
      for (const { name, status } of comparison.functions) {
        if (status !== 'changed') continue;
        const copies = copiesOf(placement?.before, name);
        if (copies.length === 0) continue;
        const changed = copies.filter((into) => isChanged(into));
        yield {
          severity: 'note',
          what: `${name} also has copies inside ${list(copies)}`,
          why:
            changed.length === copies.length
              ? 'a livepatch of the one symbol would leave the copies as they are; the comparison found every one changed, so they are replaced too'
              : `a livepatch of the one symbol would leave the copies as they are; the code of ${list(copies.filter((into) => !isChanged(into)))} is the same on both sides, so the fix does not reach that copy`,
          evidence: ['inlining of the before object', 'comparison of the objects'],
          at: { symbol: name },
        };
      }
      function isChanged(name: string): boolean {
        return comparison.functions.some(
          (change) => change.status !== 'same' && change.name.split('.')[0] === name,
        );
      }
    },
  },
  livepatch: {
    needs: ['tables', 'placement'],
    *find({ livepatch, placement }) {
      const all = replacements(livepatch);
      for (const one of all) {
        const missing = copiesOf(placement?.get(keyOf(one)), one.oldName).filter(
          (into) => !all.some((other) => other.object === one.object && other.oldName.split('.')[0] === into),
        );
        if (missing.length > 0) yield missed(one, missing);
      }
    },
  },
};

function missed({ object, oldName }: Replacement, missing: readonly string[]): Observation {
  return {
    what: `${oldName} of ${object} is replaced, but ${list(missing)} ${missing.length === 1 ? 'holds a copy' : 'hold copies'} of it and ${missing.length === 1 ? 'is' : 'are'} not`,
    why: 'these callers go on running the old code, and the kernel says that patching is complete',
    next: `replace ${list(missing)} as well, or say why the copies do not matter`,
    evidence: ["the unit that defines it, compiled with the kernel's own compiler and flags"],
    at: { symbol: oldName },
  };
}

/** Out-of-line functions that hold a copy of `name`, which has code of its own as well. Sorted, each once. */
function copiesOf(placement: Placement | undefined, name: string): string[] {
  const found = placement?.functions.get(name.split('.')[0]);
  if (!found || found.symbols.length === 0) return [];
  return [...new Set(found.inlined.map((copy) => copy.into))].filter((into) => into !== found.name).sort();
}

/** How {@link LivepatchEvidence.placement} names a replaced function. */
function keyOf({ object, oldName, sympos }: Replacement): string {
  return `${object}:${oldName},${sympos}`;
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
