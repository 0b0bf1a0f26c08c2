import { editsOf } from '../report/edits.ts';

/** A stretch of lines that a fix replaces: `[start, start + count)` in old and new text, from 1. */
interface ChangedLines {
  readonly oldStart: number;
  readonly oldCount: number;
  readonly newStart: number;
  readonly newCount: number;
}

/**
 * The fixed text with `#line` directives behind what changed, so that every line that the fix did not touch keeps its old number.
 *
 * Without them each `WARN`, `might_sleep` or debug record below the first edit would count as changed (KLP127). A directive goes to
 * the next place that takes one: not into a comment, a string, a continued line or the arguments of a macro. What a preprocessor
 * condition skips it also does not renumber, so another directive follows the condition.
 */
export function withLineDirectives(before: string, after: string): string {
  const changes: ChangedLines[] = editsOf(before, after).map((edit) => ({
    oldStart: edit.before.first,
    oldCount: edit.before.last + 1 - edit.before.first,
    newStart: edit.after.first,
    newCount: edit.after.last + 1 - edit.after.first,
  }));
  const shifting = changes.filter((change) => change.newCount !== change.oldCount);
  if (shifting.length === 0) return after;
  const lines = after.split('\n');
  const places = safePlaces(lines);
  const directives = new Map<number, number>();
  // The old number of an untouched line of the new text; both from 1.
  const oldNumber = (line: number): number | undefined => {
    let shift = 0;
    for (const change of changes) {
      if (line < change.newStart) break;
      if (line < change.newStart + change.newCount) return undefined;
      shift = change.oldStart + change.oldCount - (change.newStart + change.newCount);
    }
    return line + shift;
  };
  const put = (from: number) => {
    for (let line = from; line <= lines.length; line++) {
      const number = oldNumber(line);
      if (number === undefined) return;
      if (!places[line - 1]) continue;
      // Nothing stands on the empty string behind the last newline.
      if (line < lines.length || lines[line - 1] !== '') directives.set(line, number);
      return;
    }
  };
  for (const change of shifting) put(change.newStart + change.newCount);
  for (const line of conditionEnds(lines, shifting)) put(line + 1);
  return lines
    .flatMap((text, index) => {
      const number = directives.get(index + 1);
      return number === undefined ? [text] : [`#line ${number}`, text];
    })
    .join('\n');
}

/** Lines that end a branch of a preprocessor condition in which something shifted, from 1. */
function conditionEnds(lines: readonly string[], changes: readonly ChangedLines[]): number[] {
  const ends: number[] = [];
  const open: { shifted: boolean }[] = [];
  let next = 0;
  lines.forEach((text, index) => {
    const line = index + 1;
    while (next < changes.length && changes[next].newStart <= line) {
      for (const condition of open) condition.shifted = true;
      next++;
    }
    const word = /^\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b/.exec(text)?.[1];
    if (!word) return;
    if (word.startsWith('if')) {
      open.push({ shifted: false });
      return;
    }
    if (open.at(-1)?.shifted) ends.push(line);
    if (word === 'endif') open.pop();
  });
  return ends;
}

/** For each line whether a directive may stand in front of it. */
function safePlaces(lines: readonly string[]): boolean[] {
  const safe: boolean[] = [];
  let inComment = false;
  let continued = false;
  let depth = 0;
  for (const line of lines) {
    // A brace in the first column closes a function: whatever unbalanced conditions left open ends there.
    if (line.startsWith('}')) depth = 0;
    safe.push(!inComment && !continued && depth === 0);
    const isDirective = !continued && !inComment && /^\s*#/.test(line);
    let quote = '';
    let change = 0;
    for (let at = 0; at < line.length; at++) {
      const char = line[at];
      if (inComment) {
        if (char === '*' && line[at + 1] === '/') {
          inComment = false;
          at++;
        }
      } else if (quote) {
        if (char === '\\') at++;
        else if (char === quote) quote = '';
      } else if (char === '"' || char === "'") quote = char;
      else if (char === '/' && line[at + 1] === '*') {
        inComment = true;
        at++;
      } else if (char === '/' && line[at + 1] === '/') break;
      else if (char === '(') change++;
      else if (char === ')') change--;
    }
    // A macro's definition balances by itself or not at all; it says nothing about the text around it.
    if (!isDirective && !continued) depth = Math.max(0, depth + change);
    continued = line.endsWith('\\');
  }
  return safe;
}
