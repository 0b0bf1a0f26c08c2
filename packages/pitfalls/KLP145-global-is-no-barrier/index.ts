import { STB } from '@klpkit/formats';
import { sourceName } from '../src/clones.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions, copiesIn } from '../src/unit.ts';
import { list, verb } from '../src/words.ts';

/** A global function is no barrier. */
export const klp145: Pitfall = {
  id: 'KLP145',
  name: 'global-is-no-barrier',
  title: 'Global or exported does not mean opaque',
  severity: 'warning',
  statement:
    'The kernel is not position independent, so no other definition can take the place of a global function, and the compiler inlines and analyses it like a static one, EXPORT_SYMBOL() or not.',
  seen: 'gcc-11, gcc-12, clang-14, clang-19: only -fPIC makes gcc keep the call',
  safeWay:
    'Treat global functions like static ones (KLP102): take the callers in its file along. A test that calls it from another module proves nothing about them.',
  unit: {
    needs: ['placement'],
    *find(evidence) {
      const { placement, kernel } = evidence;
      for (const { name, before } of changedFunctions(evidence)) {
        if (before.binding === STB.LOCAL) continue;
        const holders = copiesIn(placement?.before, sourceName(name)).filter((into) => into !== name);
        if (holders.length === 0) continue;
        const isExported = kernel?.facts.exported?.(name);
        yield {
          severity: 'note',
          what: `${name} is ${isExported ? 'exported' : 'global'}, and ${list(holders)} of its file ${verb(holders, 'has', 'have')} the code inlined all the same`,
          why: 'other units call the symbol and see the fix at once, so a test through them passes even if these callers keep the old code',
          evidence: ['inlining of the before object'],
          at: { symbol: name },
        };
      }
    },
  },
};
