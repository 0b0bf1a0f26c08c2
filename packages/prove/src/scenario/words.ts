import { writeExpectation } from '../expectation.ts';
import type { KernelMessage } from '../log/kmsg.ts';
import type { Expectation } from '../types.ts';
import type { ScenarioStep } from './types.ts';

/** What a step is called: its title, or what it does to what. */
export function stepTitle({
  title,
  action,
  subject,
  values,
  expect,
  name,
  steps,
  seconds,
  times,
}: ScenarioStep): string {
  if (title !== undefined) return title;
  if (action === 'repeat')
    return `repeat ${steps.length} ${steps.length === 1 ? 'step' : 'steps'} ${times} times`;
  if (action === 'sleep') return `sleep ${seconds} s`;
  const what =
    action === 'background'
      ? `${name}: ${subject}`
      : subject ||
        values
          .map(
            ({ path, expected }) =>
              `${path}=${expected === undefined ? 'absent' : writeExpectation(expected)}`,
          )
          .join(' ') ||
        expect.map(writeExpectation).join(', ');
  const line = `${action} ${what}`.replace(/\s+/g, ' ').trim();
  return line.length > 70 ? `${line.slice(0, 69)}…` : line;
}

/** An expectation as messages show it: a text in quotation marks, a regular expression as it is. */
export function shown(expectation: Expectation): string {
  return typeof expectation === 'string' ? JSON.stringify(expectation) : String(expectation);
}

/** At most 300 characters of an output, on one line. */
export function excerpt(text: string): string {
  const trimmed = text.trimEnd();
  if (trimmed === '') return 'nothing';
  const line = JSON.stringify(trimmed);
  return line.length > 300 ? `${line.slice(0, 300)}… (${trimmed.length} characters)` : line;
}

/** Whether a line of the log has what is wanted: a text that it holds, or a regular expression that fits. */
export function isInLine(line: string, wanted: Expectation): boolean {
  return typeof wanted === 'string'
    ? line.includes(wanted)
    : new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, '')).test(line);
}

/** The first of the lines wanted that does not come in its turn; undefined when all do. */
export function missingLine(
  messages: readonly KernelMessage[],
  wanted: readonly Expectation[],
): Expectation | undefined {
  let at = 0;
  for (const line of wanted) {
    const found = messages.findIndex(({ text }, i) => i >= at && isInLine(text, line));
    if (found < 0) return line;
    at = found + 1;
  }
  return undefined;
}

/** The first message that is not to be there. */
export function unwantedLine(
  messages: readonly KernelMessage[],
  unwanted: readonly Expectation[],
): KernelMessage | undefined {
  return messages.find(({ text }) => unwanted.some((line) => isInLine(text, line)));
}
