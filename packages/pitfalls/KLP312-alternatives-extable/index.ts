import { isSameCode } from '../src/code.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions } from '../src/unit.ts';

/** Alternatives, exception table, bug table. */
export const klp312: Pitfall = {
  id: 'KLP312',
  name: 'alternatives-extable',
  title: 'Tables that describe places in code',
  severity: 'error',
  statement:
    'Alternatives, exception fixups and warnings are entries of tables that a whole file shares and that only relocations tie to a function; a livepatch needs exactly the entries of the functions in it, with their replacement code, and none may wait for a module.',
  seen: 'gcc-12, clang-14, clang-19',
  safeWay: 'Use a tool that takes the tables apart by the place that each entry describes, as klpkit does.',
  foundBy: ['rules'],
  unit: {
    needs: [],
    *find(evidence) {
      for (const { name, before, after, difference } of changedFunctions(evidence)) {
        if (difference?.kind !== 'table' || !isSameCode(evidence.comparison, before, after)) continue;
        yield {
          severity: 'note',
          what: `${name} is in the livepatch for what a table says of its code: ${difference.before} before, ${difference.after} after`,
          why: 'the instructions are the same; what the kernel does at one of them is not',
          evidence: ['comparison of the special sections'],
          at: { symbol: name },
        };
      }
    },
  },
};
