import { STB } from '@klpkit/formats';
import { holdersOf } from '../src/calls.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { isDeclaredByFix } from '../src/unit.ts';
import { list, unique, verb } from '../src/words.ts';

/** Identical constants folded. */
export const klp120: Pitfall = {
  id: 'KLP120',
  name: 'icf-data',
  title: 'Identical constants folded into one',
  severity: 'warning',
  statement:
    'Two constant tables of equal content are one object. A fix that edits one of them makes a second symbol appear, and functions whose source is the same refer to another one than before.',
  seen: 'gcc-11, gcc-12 (-fipa-icf-variables), clang-14, clang-16, clang-19',
  safeWay: 'Give the changed table a new name in the fix, so that it is seen to be another one.',
  unit: {
    needs: ['edits'],
    *find({ comparison, edits = [] }) {
      const { before, after, correlation, data } = comparison;
      for (const { status, after: table } of data) {
        if (status !== 'new' || !table || table.binding !== STB.LOCAL || isDeclaredByFix(edits, table.name))
          continue;
        if (after.kindOf(table.section) !== 'rodata') continue;
        const readers = holdersOf(after, table).filter(({ kind }) => kind === 'function');
        const twins = unique(
          readers.flatMap((reader) => {
            const was = correlation.beforeOf(reader);
            if (!was) return [];
            const refers = (to: (typeof after.pieces)[number]) => holdersOf(before, to).includes(was);
            return before.pieces
              .filter(
                (piece) =>
                  piece.kind === 'object' &&
                  piece.size === table.size &&
                  before.kindOf(piece.section) === 'rodata' &&
                  refers(piece) &&
                  !holdersOf(after, correlation.afterOf(piece) ?? table).includes(reader),
              )
              .map(({ name }) => name);
          }),
        );
        if (twins.length === 0) continue;
        const names = unique(readers.map(({ name }) => name));
        yield {
          severity: 'note',
          what: `${table.name} is not in the running kernel: it was folded into ${list(twins)}, whose content was equal`,
          why: `the fix makes them differ; ${list(names)} ${verb(names, 'refers', 'refer')} to ${table.name} since and ${verb(names, 'is', 'are')} replaced, and the livepatch brings the table along`,
          next: `code that compares the addresses of the two finds them different now`,
          evidence: ['symbols and references of both objects', 'lines that the fix edits'],
          at: { symbol: table.name },
        };
      }
    },
  },
};
