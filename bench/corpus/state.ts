import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { writeFileAtomic } from '@klpkit/host';
import type { Outcome } from './outcome.ts';

/**
 * The outcomes of a run as lines of JSON, each written as soon as it is known. A later line of a file counts instead of an earlier
 * one: first comes what was built, then what its proof gave.
 */
export interface State {
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** Adds an outcome, or takes the place of the file's former one. */
  add(outcome: Outcome): void;
  /** Writes the file anew: one line for each file, sorted. */
  compact(): Promise<void>;
}

/**
 * Opens a run's outcomes.
 *
 * @param path the file; without one the outcomes are only kept in memory
 * @param resumes whether what the file holds counts; else it is overwritten
 */
export function openState(path: string | undefined, resumes: boolean): State {
  const outcomes = new Map<string, Outcome>();
  if (path !== undefined) {
    const { lines, bytes } =
      resumes && existsSync(path) ? wholeLines(readFileSync(path)) : { lines: [], bytes: 0 };
    for (const line of lines) {
      const outcome = JSON.parse(line) as Outcome;
      outcomes.set(outcome.file, outcome);
    }
    if (existsSync(path)) truncateSync(path, bytes);
  }
  return {
    outcomes,
    add(outcome) {
      outcomes.set(outcome.file, outcome);
      if (path !== undefined) appendFileSync(path, `${JSON.stringify(outcome)}\n`);
    },
    async compact() {
      if (path === undefined) return;
      const sorted = [...outcomes.values()].sort((a, b) => (a.file < b.file ? -1 : 1));
      await writeFileAtomic(path, sorted.map((outcome) => `${JSON.stringify(outcome)}\n`).join(''));
    },
  };
}

/** Lines that were written to their end, and how many bytes they take: what a killed run left behind them is dropped. */
export function wholeLines(content: Uint8Array): { lines: string[]; bytes: number } {
  const bytes = content.lastIndexOf(0x0a) + 1;
  const text = new TextDecoder().decode(content.subarray(0, bytes));
  return { lines: text.split('\n').filter((line) => line !== ''), bytes };
}

/** Every `n`th of the items, from the `i`th on: `1/3`, `2/3` and `3/3` share them out. */
export function shardOf<T>(items: readonly T[], shard: string | undefined): T[] {
  if (shard === undefined) return [...items];
  const [, i, n] = /^([1-9]\d*)\/([1-9]\d*)$/.exec(shard)?.map(Number) ?? [];
  if (i === undefined || n === undefined || i > n)
    throw new Error(`--shard ${shard}: expected i/n with i from 1 to n`);
  return items.filter((_, index) => index % n === i - 1);
}
