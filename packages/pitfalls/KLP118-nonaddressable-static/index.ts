import { STB } from '@klpkit/formats';
import { countUses, holdersOf } from '../src/calls.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedIndirectly } from '../src/unit.ts';
import { addressesIn } from '../src/variables.ts';
import { list, unique, verb } from '../src/words.ts';

/** A static variable whose address nobody took. */
export const klp118: Pitfall = {
  id: 'KLP118',
  name: 'nonaddressable-static',
  title: 'A static thing whose address nobody took',
  severity: 'error',
  statement:
    'While nobody takes the address of a static variable, the compiler assumes that no pointer reaches it and keeps its value in registers; code that hands its address out makes that wrong. A function whose address nobody took has no landing mark for indirect calls.',
  seen: 'gcc-11, gcc-12, clang-14, clang-16, clang-19; -flive-patching does not switch it off',
  safeWay:
    'Replace the functions that read the variable, or hand out the address of a copy. For a function, take the address of a new small one that calls it.',
  foundBy: ['extract'],
  unit: {
    needs: ['placement', 'edits', 'operands'],
    *find(evidence) {
      const { before, after, correlation, isFresh } = evidence.comparison;
      const indirect = changedIndirectly(evidence);
      if (indirect.length === 0) return;
      for (const variable of after.pieces) {
        const old = variable.kind === 'object' ? correlation.beforeOf(variable) : undefined;
        if (!old || old.binding !== STB.LOCAL || isFresh(variable)) continue;
        const takers = holdersOf(after, variable).filter((user) =>
          addressesIn(after, user).includes(variable),
        );
        if (takers.length === 0) continue;
        if (holdersOf(before, old).some((user) => addressesIn(before, user).includes(old))) continue;
        const readers = unique(
          indirect
            .filter(
              (reader) =>
                countUses(before, reader.before, old) < countUses(after, reader.after, variable) &&
                !takers.includes(reader.after),
            )
            .map(({ name }) => name),
        );
        if (readers.length === 0) continue;
        const by = takers.map(({ name }) => name);
        yield {
          severity: 'note',
          certainty: 'likely',
          what: `${list(by)} ${verb(by, 'takes', 'take')} the address of ${variable.name}, which nobody did before; ${list(readers)} ${verb(readers, 'reads', 'read')} it more often since`,
          why: `the compiler was sure that no pointer reached ${variable.name} and kept its value in registers; ${list(readers)} ${verb(readers, 'is', 'are')} replaced although the source of ${verb(readers, 'it', 'them')} is the same`,
          evidence: ['code of both objects', 'lines that the fix edits'],
          at: { symbol: variable.name },
        };
      }
    },
  },
};
