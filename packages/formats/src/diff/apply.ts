import type { Hunk } from './types.ts';

/** A hunk that was applied. */
export interface AppliedHunk {
  /** Line of the given text, from 1, that the hunk begins at. */
  readonly line: number;
  /** Lines that it lies further down than the patch says; negative: further up. */
  readonly offset: number;
  /** Lines of context at each end that were left out to find its place: 0, 1 or 2. */
  readonly fuzz: number;
  /** Line of the patch that its `@@` is in. */
  readonly patchLine: number;
}

/** A hunk whose place was not found. */
export interface FailedHunk {
  readonly hunk: Hunk;
  /** The line of the text, from 1, that differs at the place where most of the hunk's lines fit. */
  readonly at: number;
  /** What the hunk has there. */
  readonly expectedLine: string;
  /** What the text has there; absent behind its end. */
  readonly foundLine?: string;
  /** True if the text holds at some place what the hunk would make of it: it was applied before. */
  readonly isApplied: boolean;
}

/** What applying gives. `text` has every hunk that could be applied in it. */
export interface Applied {
  readonly text: string;
  readonly hunks: readonly AppliedHunk[];
  readonly failed: readonly FailedHunk[];
}

/** Most lines of context at each end that may differ; what patch(1) allows. */
const mostFuzz = 2;

/**
 * Applies hunks to a text as patch(1) does: each one at its line, or as near to it as it fits, behind the one before; if it
 * fits nowhere, without the outermost lines of its context. Lines fit if they are the same to the last space.
 */
export function applyHunks(text: string, hunks: readonly Hunk[]): Applied {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const out: string[] = [];
  const applied: AppliedHunk[] = [];
  const failed: FailedHunk[] = [];
  let done = 0;
  let drift = 0;
  for (const hunk of hunks) {
    const old = side(hunk, '+');
    // A side without lines names the line before it.
    const guess = (hunk.oldLines === 0 ? hunk.oldStart : hunk.oldStart - 1) + drift;
    const found = locate(lines, hunk, old, guess, done);
    if (!found) {
      failed.push(explain(lines, hunk, old, guess));
      continue;
    }
    const { at, fuzz, top, bottom } = found;
    drift += at - guess;
    const begin = at + top;
    for (let i = done; i < begin; i++) out.push(lines[i] as string);
    done = begin;
    // Context is taken from the text, so that lines that fuzz left out stay as they are.
    const inner = hunk.lines.slice(top, hunk.lines.length - bottom);
    for (const { kind, text: line, noNewline } of inner) {
      if (kind === '+') out.push(noNewline ? line : `${line}\n`);
      else if (kind === ' ') out.push(lines[done++] as string);
      else done++;
    }
    applied.push({
      line: at + 1,
      offset: at - (hunk.oldLines === 0 ? hunk.oldStart : hunk.oldStart - 1),
      fuzz,
      patchLine: hunk.patchLine,
    });
  }
  for (let i = done; i < lines.length; i++) out.push(lines[i] as string);
  return { text: out.join(''), hunks: applied, failed };
}

/** The lines of one side of a hunk, with their ends; `without` names the lines of the other. */
function side(hunk: Hunk, without: '+' | '-'): string[] {
  return hunk.lines
    .filter(({ kind }) => kind !== without)
    .map(({ text, noNewline }) => (noNewline ? text : `${text}\n`));
}

/** How many lines of context a hunk begins and ends with. */
function contextOf({ lines }: Hunk): readonly [top: number, bottom: number] {
  const top = lines.findIndex(({ kind }) => kind !== ' ');
  const bottom = lines.length - 1 - lines.findLastIndex(({ kind }) => kind !== ' ');
  return [top, bottom];
}

interface Location {
  /** Index of the line that the whole hunk begins at, lines left out included. */
  readonly at: number;
  readonly fuzz: number;
  /** Lines of context left out at the beginning and at the end. */
  readonly top: number;
  readonly bottom: number;
}

function locate(
  lines: readonly string[],
  hunk: Hunk,
  old: readonly string[],
  guess: number,
  done: number,
): Location | undefined {
  const [before, behind] = contextOf(hunk);
  const context = Math.max(before, behind);
  for (let fuzz = 0; fuzz <= Math.min(mostFuzz, context); fuzz++) {
    // With less context at one end than at the other, the hunk touches that end of the file, until fuzz evens them out.
    const shortTop = fuzz + before - context;
    const shortBottom = fuzz + behind - context;
    const top = Math.max(0, shortTop);
    const bottom = Math.max(0, shortBottom);
    const pattern = old.slice(top, old.length - bottom);
    // Nothing but empty lines is found everywhere.
    if (fuzz > 0 && pattern.every((line) => line.trim() === '')) return undefined;
    const last = lines.length - old.length;
    const least = shortBottom < 0 ? last : done - top;
    const most = shortTop < 0 ? 0 : shortBottom < 0 ? last : lines.length - pattern.length - top;
    const fits = (at: number) => at + top >= done && matches(lines, pattern, at + top);
    const at = nearest(most, guess, shortTop < 0 ? Math.max(0, least) : least, fits);
    if (at !== undefined) return { at, fuzz, top, bottom };
  }
  return undefined;
}

/** The place nearest to `guess` that fits, the one further down first. */
function nearest(
  most: number,
  guess: number,
  least: number,
  fits: (at: number) => boolean,
): number | undefined {
  const begin = Math.min(Math.max(guess, least), most);
  for (let step = 0; ; step++) {
    const down = begin + step;
    const up = begin - step;
    if (down > most && up < least) return undefined;
    if (down <= most && down >= least && fits(down)) return down;
    if (step > 0 && up >= least && up <= most && fits(up)) return up;
  }
}

function matches(lines: readonly string[], pattern: readonly string[], at: number): boolean {
  if (at < 0 || at + pattern.length > lines.length) return false;
  for (let i = 0; i < pattern.length; i++) if (lines[at + i] !== pattern[i]) return false;
  return true;
}

/** Where most of a hunk's lines fit, and the first line there that does not. */
function explain(lines: readonly string[], hunk: Hunk, old: readonly string[], guess: number): FailedHunk {
  let best = Math.min(Math.max(guess, 0), lines.length);
  let bestCount = 0;
  for (let at = 0; at < lines.length; at++) {
    let count = 0;
    for (let i = 0; i < old.length; i++) if (lines[at + i] === old[i]) count++;
    if (
      count > bestCount ||
      (count === bestCount && count > 0 && Math.abs(at - guess) < Math.abs(best - guess))
    ) {
      best = at;
      bestCount = count;
    }
  }
  let i = 0;
  while (i < old.length - 1 && lines[best + i] === old[i]) i++;
  const foundLine = lines[best + i];
  const fresh = side(hunk, '-');
  let isApplied = false;
  for (let at = 0; fresh.length > 0 && at <= lines.length - fresh.length && !isApplied; at++)
    isApplied = matches(lines, fresh, at);
  return {
    hunk,
    at: best + i + 1,
    expectedLine: withoutEnd(old[i] ?? ''),
    ...(foundLine === undefined ? {} : { foundLine: withoutEnd(foundLine) }),
    isApplied,
  };
}

const withoutEnd = (line: string) => (line.endsWith('\n') ? line.slice(0, -1) : line);
