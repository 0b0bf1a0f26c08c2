import type { Outcome } from '../corpus/outcome.ts';

/** What became of one source by the source route. */
export interface SourceOutcome extends Outcome {
  /** Lines of code: of the patched functions, and of all that was written. */
  readonly lines?: { readonly patched: number; readonly all: number };
  readonly seconds: Outcome['seconds'] & { readonly written?: number };
}

/** The middle value; 0 of none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The summary of a run, in Markdown. */
export function tableOf(outcomes: readonly SourceOutcome[], title: string): string {
  const count = (word: string) => outcomes.filter(({ outcome }) => outcome === word).length;
  const sized = outcomes.flatMap(({ lines }) =>
    lines && lines.patched > 0 ? [lines.all / lines.patched] : [],
  );
  const seconds = outcomes.flatMap(({ seconds: { written } }) => written ?? []);
  const rows = outcomes
    .filter(({ outcome }) => outcome === 'refused' || outcome === 'failed')
    .map(({ file, outcome, reasons }) => {
      const words = reasons.map(({ id, what }) => `${id}: ${what.split('\n')[0]}`.replaceAll('|', '\\|'));
      return `| ${file} | ${outcome} | ${words.slice(0, 2).join('; ')} |`;
    });
  return [
    `# ${title}`,
    '',
    '| sources | built | proven | refused | failed | size, median | from patch to folder, median | longest |',
    '|--:|--:|--:|--:|--:|--:|--:|--:|',
    `| ${outcomes.length} | ${count('built') + count('proven')} | ${count('proven')} | ${count('refused')} | ${count('failed')} | ${median(sized).toFixed(1)} | ${median(seconds).toFixed(1)} s | ${Math.max(0, ...seconds).toFixed(1)} s |`,
    '',
    ...(rows.length > 0 ? ['| source | outcome | why |', '|---|---|---|', ...rows, ''] : []),
  ].join('\n');
}
