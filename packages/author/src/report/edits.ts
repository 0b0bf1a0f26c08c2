import { commonSubsequence } from '@klpkit/compare';

/** A file of a fix, whole. Structural: the fix itself is one. */
export interface EditedFile {
  /** Relative to the kernel tree: `fs/namei.c`. */
  readonly path: string;
  /** Absent for a file that the fix adds. */
  readonly before?: string | undefined;
  /** Absent for a file that the fix removes. */
  readonly after?: string | undefined;
}

/**
 * Lines, counted from 1, `last` included. A range without lines (`last` is `first - 1`) is the gap in front of line `first`:
 * where something was put in, or taken out.
 */
export interface LineRange {
  readonly first: number;
  readonly last: number;
}

/** One place where the two texts differ. */
export interface Edit {
  readonly before: LineRange;
  readonly after: LineRange;
}

/** The lines of a text; the newline at its end makes no line of its own. */
export function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** The pairs of texts that were compared last: several steps of a build ask for the same. */
const recent: { readonly before: string; readonly after: string; readonly edits: readonly Edit[] }[] = [];
const mostRecent = 8;

/** Where two texts differ, in order; the fewest lines that explain it. */
export function editsOf(before: string, after: string): readonly Edit[] {
  const known = recent.find((one) => one.before === before && one.after === after);
  if (known) return known.edits;
  const edits = findEdits(linesOf(before), linesOf(after));
  recent.push({ before, after, edits });
  if (recent.length > mostRecent) recent.shift();
  return edits;
}

function findEdits(before: readonly string[], after: readonly string[]): Edit[] {
  // Nearly all of a file is the same at both ends.
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  const most = Math.min(before.length, after.length) - head;
  while (tail < most && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;

  const numbers = new Map<string, number>();
  const numbered = (lines: readonly string[]) =>
    Int32Array.from(lines.slice(head, lines.length - tail), (line) => {
      const known = numbers.get(line);
      if (known !== undefined) return known;
      numbers.set(line, numbers.size);
      return numbers.size - 1;
    });
  const b = numbered(before);
  const a = numbered(after);
  const edits: Edit[] = [];
  let i = 0;
  let j = 0;
  for (const [x, y] of [...commonSubsequence(b, a), [b.length, a.length] as const]) {
    if (x > i || y > j)
      edits.push({
        before: { first: head + i + 1, last: head + x },
        after: { first: head + j + 1, last: head + y },
      });
    i = x + 1;
    j = y + 1;
  }
  return edits;
}

/** True when an edit touches lines `first` to `last`; a gap counts when it is between two of them. */
export function touches(edit: LineRange, first: number, last: number): boolean {
  if (edit.last < edit.first) return edit.first > first && edit.first <= last;
  return edit.first <= last && edit.last >= first;
}

/**
 * The lines of the function whose name is in line `declared`: from its type and attributes above to the brace that closes it.
 * Kernel style keeps that brace in the first column; a text without one gives the line of the name alone.
 *
 * @see the kernel's Documentation/process/coding-style.rst, "Placing Braces and Spaces"
 */
export function functionExtent(lines: readonly string[], declared: number): LineRange {
  let first = declared;
  while (first > 1 && first > declared - 8 && continuesBelow(lines[first - 2])) first--;
  // The whole may stand on one line: `static inline void f(void) { }`, or a macro that makes the function.
  if (/[;}]\s*$/.test(lines[declared - 1] ?? '')) return { first, last: declared };
  for (let line = declared + 1; line <= lines.length; line++)
    if (lines[line - 1].startsWith('}')) return { first, last: line };
  return { first, last: declared };
}

/** A line above a function's name that belongs to it: a type, a storage class, an attribute. */
function continuesBelow(line: string | undefined): boolean {
  return line !== undefined && /^[A-Za-z_]/.test(line) && !/[;})]\s*$|^\w+:/.test(line);
}
