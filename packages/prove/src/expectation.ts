import { UsageError } from '@klpkit/findings';
import type { Expectation } from './types.ts';

/** Reads an expectation as it is written on a command line: `/pattern/flags` is a regular expression, all else is text. */
export function parseExpectation(text: string): Expectation {
  const match = /^\/(.+)\/([imsu]*)$/s.exec(text);
  if (!match) return text;
  try {
    return new RegExp(match[1] ?? '', match[2]);
  } catch (error) {
    throw new UsageError(`${text} is no regular expression: ${(error as Error).message}`);
  }
}

/** As a command line would write it. */
export function writeExpectation(expectation: Expectation): string {
  return typeof expectation === 'string' ? expectation : String(expectation);
}

/** Whether an output is as expected. */
export function isExpected(output: string, expectation: Expectation): boolean {
  if (typeof expectation !== 'string') {
    // A sticky or global expression remembers where it was.
    return new RegExp(expectation.source, expectation.flags.replace(/[gy]/g, '')).test(output);
  }
  const wanted = expectation.trim();
  return (
    output.trim() === wanted || (wanted !== '' && output.split('\n').some((line) => line.trim() === wanted))
  );
}
