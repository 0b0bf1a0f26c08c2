import { STB } from '@klpkit/formats';
import { callersOf } from '../src/calls.ts';
import { cloneOf } from '../src/clones.ts';
import { argumentsSet } from '../src/operands.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions, changedIndirectly, isInlinedInto } from '../src/unit.ts';
import { list, unique } from '../src/words.ts';

/** Signature changed with no suffix (clang). */
export const klp110: Pitfall = {
  id: 'KLP110',
  name: 'silent-signature-change',
  title: 'Signature changed with no suffix (clang)',
  severity: 'error',
  statement:
    'clang removes arguments that a static function does not use and keeps its name, so an old caller and a new callee of one name can disagree about which register holds what.',
  seen: 'clang-14, clang-16, clang-19; gcc gives such code a suffix (KLP106, KLP107)',
  safeWay:
    'Replace all callers together with the function, or give the new function a new name and call it from new code only.',
  unit: {
    needs: ['placement', 'edits', 'operands'],
    *find(evidence) {
      const { comparison } = evidence;
      const indirect = changedIndirectly(evidence);
      for (const callee of changedFunctions(evidence)) {
        if (callee.before.binding !== STB.LOCAL || callee.before.name !== callee.after.name) continue;
        if (cloneOf(callee.before.name)) continue;
        const callers = new Set(callersOf(comparison.before, callee.before));
        const others = indirect.filter((caller) => {
          if (!callers.has(caller.before) || isInlinedInto(evidence, callee.before, caller.before))
            return false;
          const was = argumentsSet(comparison.before, caller.before, callee.before);
          const is = argumentsSet(comparison.after, caller.after, callee.after);
          if (!was || !is || was.length !== is.length || was.length === 0) return false;
          return was.some((registers, index) => registers.join() !== is[index].join());
        });
        if (others.length === 0) continue;
        const names = unique(others.map(({ name }) => name));
        yield {
          severity: 'note',
          certainty: 'likely',
          what: `${list(names)} ${names.length === 1 ? 'passes' : 'pass'} other registers to ${callee.name} after the fix, although the source of ${names.length === 1 ? 'it' : 'them'} is the same`,
          why: `the compiler drops arguments that a static function does not use and keeps the name; the old and the new ${callee.name} do not fit each other's callers, which is why they are replaced together`,
          next: `new code must not call the old ${callee.name}, nor old code the new one`,
          evidence: ['code of both objects', 'lines that the fix edits'],
          at: { symbol: callee.name },
        };
      }
    },
  },
};
