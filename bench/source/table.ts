import type { Agreement, OwnCode } from '@klpkit/author';
import type { Outcome } from '../corpus/outcome.ts';

/** What became of one source by the source route. */
export interface SourceOutcome extends Outcome {
  /** Lines of code: of the patched functions, and of all that was written. */
  readonly lines?: { readonly patched: number; readonly all: number };
  /** What the files have of their own, for the comparison of the routes. */
  readonly own?: OwnCode;
  /** How it compares with the livepatch of the binary route; absent where there is none. */
  readonly agreement?: Agreement;
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
  const compared = outcomes.flatMap(({ agreement }) => agreement ?? []);
  const code = compared.flatMap((one) => one.code);
  const verdicts = (word: string) => code.filter(({ verdict }) => verdict === word).length;
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
    ...(compared.length > 0
      ? [
          `Compared with the binary route: ${compared.length}, of which ${compared.filter(({ agrees }) => agrees).length} agree. Of ${code.length} replaced functions ${verdicts('same')} have the same code, ${verdicts('inlining')} refer to the same things, ${verdicts('other')} differ otherwise.`,
          '',
        ]
      : []),
    ...(rows.length > 0 ? ['| source | outcome | why |', '|---|---|---|', ...rows, ''] : []),
  ].join('\n');
}
