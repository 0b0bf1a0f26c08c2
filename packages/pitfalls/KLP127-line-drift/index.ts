import { type Comparison, describe, type ObjectModel, type Piece } from '@klpkit/compare';
import type { Edit } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedIndirectly } from '../src/unit.ts';

/** __LINE__ drift. */
export const klp127: Pitfall = {
  id: 'KLP127',
  name: 'line-drift',
  title: 'Line numbers in the code drift',
  severity: 'warning',
  statement:
    'A fix that adds or removes lines changes __LINE__ in everything below it, so functions that it does not touch have other constants and look changed.',
  seen: 'gcc-11, gcc-12, clang-14, clang-16, clang-19: every compiler',
  safeWay:
    'Keep the number of lines, or set it right behind each hunk with #line. klpkit compiles the fixed side with the old numbers.',
  unit: {
    needs: ['edits'],
    *find(evidence) {
      const drifts = changedIndirectly(evidence).flatMap(({ name, before, after }) => {
        const numbers = driftOf(evidence.comparison, before, after);
        return numbers.length > 0 && numbers.every(([was, is]) => is === lineAfter(evidence.edits ?? [], was))
          ? [{ name, numbers }]
          : [];
      });
      for (const { name, numbers } of drifts)
        yield {
          what: `${name} differs only in line numbers: ${numbers.map(([was, is]) => `${was} → ${is}`).join(', ')}`,
          why: 'lines were added or removed above it, and __LINE__ is a constant in its code; the livepatch replaces it for nothing',
          next: 'keep the number of lines above it, or put #line behind the lines that the fix adds',
          evidence: ['comparison of the objects', 'lines of the fix'],
          at: { symbol: name },
        };
    },
  },
};

/** What numbers stand in the place of what others, where two functions differ in nothing else; empty otherwise. */
function driftOf({ before, after }: Comparison, b: Piece, a: Piece): [number, number][] {
  const was = before.arch.instructions(before.content(b));
  const is = after.arch.instructions(after.content(a));
  const found: [number, number][] = [];
  const uses = (model: ObjectModel, piece: Piece) =>
    model.referencesOf(piece).map(({ target }) => describe(target));
  if (was.length !== is.length || uses(before, b).join('\n') !== uses(after, a).join('\n')) return [];
  for (const [index, one] of was.entries()) {
    const other = is[index];
    if (one.offset !== other.offset || one.length !== other.length) return [];
    if (one.text === other.text) continue;
    const [old, now] = [numbersOf(one.text), numbersOf(other.text)];
    const pairs = old.flatMap((value, at) =>
      value === now[at] ? [] : ([[value, now[at]]] as [number, number][]),
    );
    if (old.length !== now.length || withoutNumbers(one.text) !== withoutNumbers(other.text)) return [];
    found.push(...pairs);
  }
  return found;
}

const number = /0x[0-9a-f]+|\b\d+\b/g;
const numbersOf = (text: string) => [...text.matchAll(number)].map(([digits]) => Number(digits));
const withoutNumbers = (text: string) => text.replace(number, '#');

/** Where the fix moves a line of the old text. `edits` are those of one file, or of several: then any of them will do. */
function lineAfter(edits: readonly Edit[], line: number): number {
  let shift = 0;
  for (const { line: first, removed, added } of [...edits].sort((x, y) => x.line - y.line))
    if (first - shift + removed.length <= line) shift += added.length - removed.length;
  return line + shift;
}
