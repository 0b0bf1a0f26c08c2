import { externalsOf } from '../src/code.ts';
import type { Edit } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list, unique } from '../src/words.ts';

/** A constant is no constant any more. */
export const klp137: Pitfall = {
  id: 'KLP137',
  name: 'constant-p',
  title: 'A constant is no constant any more',
  severity: 'warning',
  statement:
    'Macros and inline functions such as kmalloc() ask __builtin_constant_p() and call one function for a constant size and another for a variable one, so code that moves to a helper calls what nobody wrote.',
  seen: 'gcc-11, gcc-12, clang-14, clang-19; kmalloc() of Linux 6.1',
  safeWay:
    'Keep the constant where the call is, or make the helper __always_inline. Otherwise look up whether the new function is exported, and whether it does the same.',
  unit: {
    needs: ['edits'],
    *find({ comparison, edits = [] }) {
      const { before, after } = comparison;
      const had = new Set<string>();
      const has = new Set<string>();
      for (const piece of before.pieces)
        if (piece.kind === 'function') for (const name of externalsOf(before, piece)) had.add(name);
      for (const piece of after.pieces)
        if (piece.kind === 'function') for (const name of externalsOf(after, piece)) has.add(name);
      const isText = wordsOf(edits);
      const came = unique([...has].filter((name) => !had.has(name) && !isText(name)));
      const went = unique([...had].filter((name) => !has.has(name) && !isText(name)));
      if (came.length === 0 || went.length === 0) return;
      yield {
        severity: 'note',
        what: `the fixed code refers to ${list(came)} and no longer to ${list(went)}, and no line of the fix names them`,
        why: 'a macro or an inline function picks what to call by what the compiler knows about its arguments, and that has changed',
        next: 'see that the new one is what the fix means; a size that was a constant may have become a variable',
        certainty: 'possible',
        evidence: ['undefined symbols of both objects', 'lines of the fix'],
      };
    },
  },
};

/** Tells whether a name is in a line that the fix adds or removes. */
function wordsOf(edits: readonly Edit[]): (name: string) => boolean {
  const words = new Set(
    edits.flatMap(({ added, removed }) => [...added, ...removed].flatMap((line) => line.match(/\w+/g) ?? [])),
  );
  return (name) => words.has(name);
}
