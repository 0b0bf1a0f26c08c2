import { number, plural } from './parts/words.ts';
import type { Report, ReportFunction } from './schema.ts';

/** A size in bytes. */
export function sizeText(bytes: number): string {
  return plural(bytes, 'byte');
}

/** The size of a function before and after: `12 → 13 bytes`, or one number when it has but one. */
export function sizesText({ before, after }: ReportFunction['sizes']): string {
  const last = after ?? before ?? 0;
  return before === undefined || before === last ? sizeText(last) : `${number(before)} → ${sizeText(last)}`;
}

/** A symbol with its position where the name is not unique: `f` or `f (number 2 of its name)`. */
export function positionText(symbol: { readonly name: string; readonly sympos: number }): string {
  return symbol.sympos === 0 ? symbol.name : `${symbol.name} (number ${symbol.sympos} of its name)`;
}

/** Where the hunks of a file went, and how far they had to be moved. */
export function hunksText(hunks: Report['fixes'][number]['files'][number]['hunks']): string {
  const moved = hunks.flatMap(({ line, offset, fuzz }) => {
    const parts: string[] = [];
    if (offset !== 0) parts.push(`offset ${offset > 0 ? '+' : ''}${offset}`);
    if (fuzz !== 0) parts.push(`fuzz ${fuzz}`);
    return parts.length > 0 ? [`line ${line} with ${parts.join(' and ')}`] : [];
  });
  const all = plural(hunks.length, 'hunk');
  return moved.length > 0 ? `${all} (${moved.join('; ')})` : `${all} where the patch says`;
}

/** A jump inside a function is shown by a disassembler with all its zeros: `0x000000000000027b` is `+0x27b`. */
function jump(text: string): string {
  return text.replace(/\b0x0{6,}([1-9a-f][0-9a-f]*)$/, '+0x$1');
}

/** The first difference in a sentence; nothing for a function that changes with another. */
export function differenceText(entry: ReportFunction): string | undefined {
  const { difference } = entry;
  if (!difference || difference.kind === 'with') return undefined;
  const at = `+0x${difference.offset.toString(16)}`;
  if (difference.kind === 'section') return `section ${difference.before} becomes ${difference.after}`;
  return `first difference at ${at}: ${jump(difference.before)} becomes ${jump(difference.after)}`;
}
