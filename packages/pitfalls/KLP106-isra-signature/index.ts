import { isObjectDiff } from '../src/builders.ts';
import { touchedCloneSets } from '../src/clone-sets.ts';
import { isClone } from '../src/clones.ts';
import { replacements } from '../src/evidence.ts';
import { isCompiledClone } from '../src/module.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list } from '../src/words.ts';

/** IPA-SRA clone (.isra): other arguments than in the source. */
export const klp106: Pitfall = {
  id: 'KLP106',
  name: 'isra-signature',
  title: 'Clone with other arguments than in the source (.isra)',
  severity: 'error',
  statement:
    'foo.isra.N takes other arguments than foo does in the source: a field instead of the pointer to it, or one argument less. The plain name does not exist, and after a fix the same name can stand for yet another signature.',
  seen: 'gcc-11, gcc-12, gcc-12 for arm64, ppc64le and s390x (clang does it without a name of its own: KLP110); at run time on Linux 6.1',
  safeWay:
    "Replace the callers, with a private copy of the function. Replace the clone itself only with code that takes the clone's real arguments, checked against the disassembly.",
  unit: {
    needs: [],
    *find({ comparison }) {
      for (const { source, before, after, callers, unchanged } of touchedCloneSets(comparison, 'isra')) {
        const renamed = before.join() !== after.join();
        const moved = callers.filter((name) => !unchanged.includes(name));
        yield {
          severity: 'note',
          what: renamed
            ? `the code of ${source} is ${list(before) || 'nowhere'} before and ${list(after) || 'nowhere'} after the fix`
            : `${source} is ${list(before)}, which takes other arguments than the source says`,
          why:
            moved.length > 0
              ? `what is passed to it may differ between the two sides; ${list(moved)} changed and ${moved.length === 1 ? 'is' : 'are'} replaced together with it`
              : 'its callers pass the same before and after, so it can be replaced by itself, under its full name',
          next: `whoever writes this livepatch by hand must not list ${source}, nor give a function with the signature of the source for the clone`,
          evidence: ['symbols and calls of both objects', 'comparison of the objects'],
          at: { symbol: before.find((name) => isClone(name, 'isra')) ?? source },
        };
      }
    },
  },
  livepatch: {
    needs: ['tables', 'code'],
    *find({ livepatch, model, elf }) {
      if (!model || isObjectDiff(livepatch, elf)) return;
      for (const one of replacements(livepatch)) {
        if (!isClone(one.oldName, 'isra') || isCompiledClone(model, one)) continue;
        yield {
          severity: 'warning',
          certainty: 'likely',
          what: `${one.oldName} of ${one.object} is replaced by ${one.newSymbol ?? 'code without a name'}, which was not compiled as such a clone`,
          why: 'the clone takes other arguments than the source says; a function with the signature of the source reads registers that hold something else',
          next: 'replace the callers, or check in the disassembly of a caller that the new function takes exactly what is passed',
          evidence: ['table of the module', 'symbols of the module'],
          at: { symbol: one.oldName },
        };
      }
    },
  },
};
