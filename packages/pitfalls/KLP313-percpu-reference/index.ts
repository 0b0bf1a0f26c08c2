import { livepatched, referencesOf } from '../src/code.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list, unique, verb } from '../src/words.ts';

/** Per-CPU variables. */
export const klp313: Pitfall = {
  id: 'KLP313',
  name: 'percpu-reference',
  title: 'Per-CPU variables',
  severity: 'error',
  statement:
    'Per-CPU variables share one section that -fdata-sections does not split, so code refers to an offset in it, which moves when the fix adds a variable; and a variable that the fix adds has no per-CPU memory in the running kernel.',
  seen: 'gcc-12 puts a new variable before the others, clang-19 behind them',
  safeWay:
    'Compare what an offset stands for, not the offset, as klpkit does. Allocate new per-CPU memory in a callback with alloc_percpu(), or use a shadow variable.',
  foundBy: ['extract'],
  unit: {
    needs: [],
    *find({ comparison }) {
      const { after, correlation, data } = comparison;
      const fresh = unique(
        data.flatMap(({ status, after: piece }) =>
          status === 'new' && piece?.section.name.startsWith('.data..percpu') ? [piece.name] : [],
        ),
      );
      if (fresh.length === 0) return;
      const users = unique(
        livepatched(comparison).flatMap((piece) =>
          referencesOf(after, piece).some(
            ({ target }) =>
              target.kind === 'piece' &&
              target.piece.section.name.startsWith('.data..percpu') &&
              correlation.beforeOf(target.piece) !== undefined,
          )
            ? [piece.name]
            : [],
        ),
      );
      if (users.length === 0) return;
      yield {
        severity: 'note',
        what: `the offsets of per-CPU variables move with the new ${list(fresh)}; ${list(users)} ${verb(users, 'refers', 'refer')} to the old ones by name all the same`,
        why: 'the variables share one section, and the fixed object counts from its start; the livepatch goes by the symbol, which the running kernel has',
        evidence: ['symbols and relocations of both objects'],
        at: { symbol: users[0] },
      };
    },
  },
};
