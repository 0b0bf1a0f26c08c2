import { isObjectDiff } from '../src/builders.ts';
import { touchedCloneSets } from '../src/clone-sets.ts';
import { isClone } from '../src/clones.ts';
import { replacements } from '../src/evidence.ts';
import { isCompiledClone } from '../src/module.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list } from '../src/words.ts';

/** Constant-propagated clone (.constprop). */
export const klp107: Pitfall = {
  id: 'KLP107',
  name: 'constprop',
  title: 'Clone with an argument burned in (.constprop)',
  severity: 'error',
  statement:
    'foo.constprop.N has the value of an argument burned in: called from new code with another value it silently does the wrong thing, and one call more in the fix can make the clone disappear.',
  seen: 'gcc-11, gcc-12, gcc-12 for arm64, ppc64le and s390x',
  safeWay:
    'Bring a copy of the function along under a new name and call that from the new code; leave the existing callers alone.',
  unit: {
    needs: [],
    *find({ comparison }) {
      for (const { source, before, after, callers, unchanged } of touchedCloneSets(comparison, 'constprop')) {
        const moved = callers.filter((name) => !unchanged.includes(name));
        const renamed = before.join() !== after.join();
        yield {
          severity: 'note',
          what: renamed
            ? `the clones of ${source} are not the same on both sides: ${list(before) || 'none'} before, ${list(after) || 'none'} after`
            : `${source} is ${list(before)}, with the value of an argument burned in`,
          why:
            moved.length > 0
              ? `a caller is tied to the clone that it was compiled with; ${list(moved)} changed and ${moved.length === 1 ? 'is' : 'are'} replaced together with it`
              : 'its callers are the same on both sides, so it can be replaced by itself, under its full name',
          next: `new code must not call ${before.find((name) => isClone(name, 'constprop')) ?? `the old ${source}`} of the running kernel with another value`,
          evidence: ['symbols and calls of both objects', 'comparison of the objects'],
          at: { symbol: before.find((name) => isClone(name, 'constprop')) ?? source },
        };
      }
    },
  },
  livepatch: {
    needs: ['tables', 'code'],
    *find({ livepatch, model, elf }) {
      if (!model || isObjectDiff(livepatch, elf)) return;
      for (const one of replacements(livepatch)) {
        if (!isClone(one.oldName, 'constprop') || isClone(one.oldName, 'isra') || isCompiledClone(model, one))
          continue;
        yield {
          severity: 'warning',
          certainty: 'likely',
          what: `${one.oldName} of ${one.object} is replaced by ${one.newSymbol ?? 'code without a name'}, which was not compiled as such a clone`,
          why: 'the callers of the clone do not pass the argument that is burned in: a function with the signature of the source finds whatever the register holds',
          next: 'give the new function the arguments that are left, and the burned-in value as a constant; check both in the disassembly',
          evidence: ['table of the module', 'symbols of the module'],
          at: { symbol: one.oldName },
        };
      }
    },
  },
};
