import { replacements } from '../src/evidence.ts';
import type { Observation, Pitfall } from '../src/pitfall.ts';

/** Names that ThinLTO makes. */
export const klp135: Pitfall = {
  id: 'KLP135',
  name: 'thinlto-llvm-suffix',
  title: 'Names that ThinLTO makes (.llvm.NUMBER)',
  severity: 'warning',
  statement:
    'With ThinLTO a static function that another unit imports becomes a global one named foo.llvm.NUMBER; the number is a hash that any edit of the unit changes, and whether there is one depends on the other units.',
  seen: 'clang-14, clang-19 with lld',
  safeWay:
    'Take the name from the kernel at hand when the livepatch is built, never from an earlier build, and compare linked objects: those of single units hold bitcode.',
  unit: {
    needs: [],
    *find({ comparison }) {
      const { after, correlation } = comparison;
      for (const a of after.pieces) {
        const b = correlation.beforeOf(a);
        if (!b || b.name === a.name || ![a.name, b.name].some((name) => suffix.test(name))) continue;
        yield {
          severity: 'note',
          what: `${b.name} is ${a.name} after the fix`,
          why: 'the number is a hash of the unit, so an edit anywhere in it gives another; the livepatch uses the name that the running kernel has',
          evidence: ['symbols of both objects'],
          at: { symbol: a.name },
        };
      }
    },
  },
  livepatch: {
    needs: [],
    *find({ livepatch, kernel }) {
      const told = new Set<string>();
      const names = [
        ...replacements(livepatch).map(({ object, oldName }) => ({ object, name: oldName })),
        ...livepatch.klpRelocations.map(({ symbolObject, name }) => ({ object: symbolObject, name })),
      ];
      for (const { object, name } of names) {
        if (object === undefined || name === undefined || !suffix.test(name) || told.has(name)) continue;
        told.add(name);
        // A name that this very kernel has was taken from it.
        if ((kernel?.symbols(object, name)?.length ?? 0) > 0) continue;
        yield bound(object, name);
      }
    },
  },
};

const suffix = /\.llvm\.\d+$/;

function bound(object: string, name: string): Observation {
  return {
    what: `the livepatch names ${name} of ${object}, which holds for one build of the kernel alone`,
    why: 'the number is a hash of the unit that the function comes from: the next build of the same kernel may have another, and the livepatch is refused',
    next: `ask nm or /proc/kallsyms of the kernel at hand for ${name.replace(suffix, '')}`,
    evidence: ['names in the module'],
    at: { symbol: name },
  };
}
