import { isExpected, writeExpectation } from './expectation.ts';
import type { Reply } from './guest/protocol.ts';
import type { Session } from './session.ts';
import { readHang } from './tasks.ts';
import type { Check, CheckOutput, CheckResult, Expectation } from './types.ts';
import { plain } from './vm/console.ts';

/** When checks are run. */
export type Phase = 'before' | 'patched' | 'reverted';

const outputLimit = 65536;

const expectationOf: Readonly<Record<Phase, (check: Check) => Expectation | undefined>> = {
  before: (check) => check.expectBefore,
  patched: (check) => check.expectPatched,
  reverted: (check) => check.expectReverted,
};

const phaseWords: Readonly<Record<Phase, string>> = {
  before: 'before the livepatch',
  patched: 'with the livepatch',
  reverted: 'after the livepatch was reverted',
};

function readOutput(reply: Reply, expectation: Expectation | undefined): CheckOutput {
  let isBinary = reply.output.includes(0);
  try {
    // A cut in the middle of a character is no sign of binary data.
    new TextDecoder('utf-8', { fatal: true }).decode(reply.output, { stream: true });
  } catch {
    isBinary = true;
  }
  const text = plain(new TextDecoder().decode(reply.output));
  const hasCode = !reply.isTimedOut && !reply.isSignalled;
  return {
    text,
    isBinary,
    totalBytes: reply.totalBytes,
    code: hasCode ? reply.status : null,
    isTimedOut: reply.isTimedOut,
    seconds: reply.end - reply.start,
    ...(expectation === undefined
      ? {}
      : { expected: writeExpectation(expectation), isMet: hasCode && isExpected(text, expectation) }),
  };
}

/** At most 200 characters of an output, on one line. */
function excerpt(output: CheckOutput): string {
  if (output.totalBytes === 0) return 'nothing';
  if (output.isBinary) return `${output.totalBytes} bytes of binary data`;
  const text = JSON.stringify(output.text.trimEnd());
  return text.length > 200 ? `${text.slice(0, 200)}… (${output.totalBytes} bytes)` : text;
}

/** A text in quotation marks, a regular expression as it is. */
function quoted(expected: string | undefined): string {
  return expected?.startsWith('/') ? expected : JSON.stringify(expected);
}

/** Runs the checks of one phase; an unmet expectation, a time-out, and a task that cannot be killed are findings. */
export async function runChecks(
  session: Session,
  checks: readonly Check[],
  results: readonly CheckResult[],
  phase: Phase,
  name = `checks ${phase}`,
): Promise<void> {
  if (checks.length === 0) return;
  await session.step(name, async (ask) => {
    let expected = 0;
    let met = 0;
    let isOk = true;
    for (const [i, check] of checks.entries()) {
      const timeoutMs = Math.round((check.timeoutSeconds ?? 20) * 1000);
      const reply = await ask('run', [check.command], { timeoutMs, limit: outputLimit });
      const output = readOutput(reply, expectationOf[phase](check));
      const result = results[i];
      if (result) result[phase] ??= output;
      const where = `the check \`${check.command}\` ${phaseWords[phase]}`;
      if (output.expected !== undefined) expected++;
      if (output.isMet) met++;
      if (reply.isTimedOut) {
        isOk = false;
        const { words, stack } = await readHang(ask);
        session.find({
          id: reply.isStuck ? 'check-stuck' : 'check-timed-out',
          severity: 'error',
          what: `${where} was not done after ${timeoutMs / 1000} s${reply.isStuck ? ' and cannot be killed' : ''}: ${words}`,
          ...(stack !== undefined && { why: `its stack, innermost first: ${stack}` }),
          next: 'give it a longer time limit, or see what it waits for',
        });
      } else if (output.isMet === false) {
        isOk = false;
        const code = output.code ? ` and exit code ${output.code}` : '';
        session.find({
          id: 'check-unmet',
          severity: 'error',
          what: `${where} gave ${excerpt(output)}${code}, expected ${quoted(output.expected)}`,
          ...(output.code === 127 && { why: 'the VM has no such command: it has the commands of busybox' }),
          next:
            phase === 'before'
              ? 'the kernel without the livepatch does not behave as expected: correct the check'
              : phase === 'patched'
                ? 'see whether the check reaches the patched function, and what the function does'
                : 'the livepatch left something behind: state that it changed does not revert by itself',
        });
      }
    }
    return { isOk, outcome: expected > 0 ? `${met} of ${expected} as expected` : `${checks.length} run` };
  });
}

/** Says of each check that nothing expects anything of whether its output changed at all. */
export function judgeEffects(
  session: Session,
  checks: readonly Check[],
  results: readonly CheckResult[],
): void {
  for (const [i, result] of results.entries()) {
    const { before, patched } = result;
    if (!before || !patched || checks[i]?.expectPatched !== undefined) continue;
    if (before.text === patched.text && before.code === patched.code) {
      session.find({
        id: 'check-without-effect',
        severity: 'note',
        what: `the check \`${result.command}\` shows no difference between before and patched`,
        next: 'give an expectation, or a check that reaches the patched function',
      });
    }
  }
}
