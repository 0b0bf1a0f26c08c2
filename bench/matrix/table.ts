import { availableParallelism, loadavg } from 'node:os';
import type { Cell } from '@klpkit/fleet';

/** What `klpkit matrix run --json` answers, as far as it counts here. */
export interface Answer {
  readonly cells: Cell[];
  readonly jobs: { readonly done: number; readonly kept: number };
}

/** A run of the matrix. */
export interface Timed {
  readonly what: string;
  /** From the start of the command to its end. */
  readonly seconds: number;
  readonly cells: readonly Cell[];
  /** Jobs that were done. */
  readonly jobs: number;
}

/** What the table is of. */
export interface Measured {
  /** The first is the one with nothing compiled. */
  readonly runs: readonly Timed[];
  /** The file of each fix. */
  readonly titles: ReadonlyMap<string, string>;
  readonly differences: readonly string[];
  readonly values: {
    readonly from: string;
    readonly to: string;
    readonly seed: string;
    readonly queue: boolean;
  };
  readonly jobsAtOnce: number;
}

/** Load when the measurement began. */
const load = loadavg()[0]?.toFixed(1);

/** The measurement as Markdown: times, what the engine costs, every cell, and why some wait. */
export function tableOf({ runs, titles, differences, values, jobsAtOnce }: Measured): string {
  const cells = runs[0]?.cells ?? [];
  const releases = [...new Set(cells.map(({ release }) => release))];
  const fixes = [...new Set(cells.map(({ fix }) => fix))];
  const cellOf = (release: string, fix: string) =>
    cells.find((cell) => cell.release === release && cell.fix === fix);
  const waiting = cells.filter(({ next, state }) => next !== undefined && state !== 'released');
  return [
    `# A matrix of ${releases.length} kernels and ${titles.size} fixes`,
    '',
    `Fixes of the step ${values.from} → ${values.to}, drawn by seed ${values.seed} from those that the corpus proved.`,
    `Node ${process.version}, ${availableParallelism()} processors, ${jobsAtOnce} jobs at once; load average ${load} when it began.`,
    'The first run found no unit compiled. The others took turns, each with its own state, store, and copy of the units that the',
    'first had compiled. To measure: `node bench/matrix/matrix.ts --queue --rounds 2`.',
    '',
    '| run | jobs | wall s | s a cell |',
    '|---|---|---|---|',
    ...runs.map(
      ({ what, seconds, jobs }) =>
        `| ${what} | ${jobs} | ${seconds.toFixed(1)} | ${(seconds / Math.max(1, cells.length)).toFixed(2)} |`,
    ),
    '',
    ...(values.queue ? [`${overheadOf(runs.slice(1))} ${sameOf(differences, runs.length)}`, ''] : []),
    `| fix | ${releases.join(' | ')} |`,
    `|---|${releases.map(() => '---|').join('')}`,
    ...fixes.map((fix) => {
      const name = fix === '*' ? 'all good fixes' : `\`${titles.get(fix)}\``;
      return `| ${name} | ${releases.map((release) => cellOf(release, fix)?.state ?? 'unknown').join(' | ')} |`;
    }),
    '',
    ...waiting.map(
      ({ release, fix, state, reason }) =>
        `- ${titles.get(fix) ?? 'all good fixes'} on ${release} is ${state}: ${reason}`,
    ),
    ...(waiting.length > 0 ? [''] : []),
  ].join('\n');
}

function overheadOf(runs: readonly Timed[]): string {
  const mean = (list: readonly Timed[]) =>
    list.reduce((sum, { seconds }) => sum + seconds, 0) / Math.max(1, list.length);
  const embedded = mean(runs.filter(({ what }) => what === 'embedded'));
  const queued = mean(runs.filter(({ what }) => what !== 'embedded'));
  return `Through the queue it took ${((queued / embedded - 1) * 100).toFixed(1)} % more than embedded, ${queued.toFixed(1)} s where it was ${embedded.toFixed(1)} s on average.`;
}

function sameOf(differences: readonly string[], runs: number): string {
  return differences.length === 0
    ? `All ${runs} runs gave the same cells, modules, reports, proofs and releases, to the byte.`
    : `The runs differ: ${differences.join('; ')}.`;
}
