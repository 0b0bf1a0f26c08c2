import { STB } from '@klpkit/formats';
import { countUses } from '../src/calls.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedIndirectly, editedCallees } from '../src/unit.ts';
import { writesIn } from '../src/variables.ts';

/** ipa-reference: a static variable that a call was known not to touch. */
export const klp115: Pitfall = {
  id: 'KLP115',
  name: 'ipa-reference',
  title: 'A static variable that a call was known not to touch',
  severity: 'error',
  statement:
    'A caller keeps the value of a static variable in a register across a call, or folds two reads into one, because the callee was known not to write it.',
  seen: 'gcc-11, gcc-12; clang-14, clang-16 and clang-19 read the variable again',
  safeWay: 'Replace the functions that read the variable as well.',
  unit: {
    needs: ['placement', 'edits', 'operands'],
    *find(evidence) {
      const { before, after, correlation } = evidence.comparison;
      for (const reader of changedIndirectly(evidence))
        for (const callee of editedCallees(evidence, reader))
          for (const variable of writesIn(after, callee.after)) {
            const old = correlation.beforeOf(variable);
            if (!old || old.binding !== STB.LOCAL || writesIn(before, callee.before).includes(old)) continue;
            const was = countUses(before, reader.before, old);
            const is = countUses(after, reader.after, variable);
            if (was >= is) continue;
            yield {
              severity: 'note',
              certainty: 'likely',
              what: `${reader.name} reads ${variable.name} in ${is} ${is === 1 ? 'place' : 'places'} after the fix and in ${was} before, although its source is the same`,
              why: `the compiler knew that ${callee.name} does not write ${variable.name} and kept the value across the call; ${callee.name} writes it now, so ${reader.name} is replaced too`,
              evidence: ['code of both objects', 'lines that the fix edits'],
              at: { symbol: reader.name },
            };
          }
    },
  },
};
