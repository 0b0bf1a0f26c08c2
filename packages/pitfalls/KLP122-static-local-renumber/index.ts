import type { Piece } from '@klpkit/compare';
import { holdersOf } from '../src/calls.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list, unique } from '../src/words.ts';

/** Static local variables renumbered. */
export const klp122: Pitfall = {
  id: 'KLP122',
  name: 'static-local-renumber',
  title: 'Static local variables are numbered anew',
  severity: 'error',
  statement:
    'gcc calls the static variables of functions name.N and counts N from the end of the file; a function that is added at the bottom renumbers them all, and an old name can stand for another variable.',
  seen: 'gcc-11, gcc-12; clang writes function.name, which stays',
  safeWay:
    'Tell such variables apart by the functions that use them; in a livepatch written by hand refer to the original by the number that it has in the shipped kernel, with its sympos.',
  foundBy: ['compare'],
  unit: {
    needs: [],
    *find({ comparison }) {
      const { before, after, correlation, isFresh } = comparison;
      const moved = before.pieces.flatMap((old): [Piece, Piece][] => {
        if (old.kind !== 'object' || isFresh(old) || !/\.\d+$/.test(old.name)) return [];
        const now = correlation.afterOf(old);
        // Only a name that is taken by another variable misleads.
        if (!now || now.name === old.name) return [];
        const others = after.named(old.name).filter((piece) => piece.kind === 'object' && piece !== now);
        return others.some((piece) => after.kindOf(piece.section) !== 'rodata') ? [[old, now]] : [];
      });
      const first = moved[0];
      if (!first) return;
      yield {
        severity: 'note',
        what: `${moved.length === 1 ? 'a static variable has' : `${moved.length} static variables have`} another number after the fix, and the old name is another variable's: ${list(
          moved.slice(0, 3).map(([old, now]) => `${old.name} of ${usersOf(old)} is ${now.name}`),
        )}`,
        why: 'the compiler numbers them anew in each compilation; they were paired by the functions that use them, never by number',
        next: 'whoever writes this livepatch by hand must look the name up in the shipped kernel',
        evidence: ['symbols and references of both objects'],
        at: { symbol: first[0].name },
      };
      function usersOf(piece: Piece): string {
        return list(unique(holdersOf(before, piece).map(({ name }) => name))) || 'nobody';
      }
    },
  },
};
