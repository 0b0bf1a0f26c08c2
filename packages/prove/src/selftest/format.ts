import type { SelftestResult } from './selftest.ts';

const marks = { passed: 'ok     ', failed: 'FAILED ', skipped: 'skipped' } as const;

/** Lines of a failed script's output that are shown. */
const mostLines = 40;

/** The result of the kernel's own tests as text for people, without colour. */
export function formatSelftests({ kernel, verdict, scripts, seconds, buildSeconds }: SelftestResult): string {
  const cases = scripts.flatMap((script) => script.cases);
  const good = cases.filter(({ isOk }) => isOk).length;
  const planned = scripts.reduce((sum, script) => sum + script.planned, 0);
  const lines = [
    `${verdict}: the livepatch tests of ${kernel.release}: ${good} of ${planned} cases ok (${seconds.toFixed(1)} s, of them ${buildSeconds.toFixed(1)} s to build)`,
  ];
  for (const { name, outcome, cases: own, planned: all, words, output, code, seconds: took } of scripts) {
    const ok = own.filter(({ isOk }) => isOk).length;
    lines.push(
      `  ${marks[outcome]} ${name.padEnd(22)} ${`${ok} of ${all}`.padStart(8)} ${`${took.toFixed(1)} s`.padStart(8)}`,
    );
    if (words !== undefined) lines.push(`          ${words}`);
    if (outcome !== 'failed') continue;
    for (const { name: title, isOk } of own) if (!isOk) lines.push(`          not ok: ${title}`);
    if (code !== null && code !== 0) lines.push(`          exit code ${code}`);
    for (const line of (output ?? '').trimEnd().split('\n').slice(-mostLines))
      lines.push(`          ${line}`.trimEnd());
  }
  return `${lines.join('\n')}\n`;
}
