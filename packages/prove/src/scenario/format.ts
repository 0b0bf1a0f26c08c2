import { formatFinding } from '@klpkit/findings';
import { formatTimeline } from '../timeline/format.ts';
import type { ScenarioResult, ScenarioStepResult } from './result.ts';

const marks: Readonly<Record<ScenarioStepResult['status'], string>> = {
  passed: 'ok     ',
  failed: 'FAILED ',
  skipped: 'not run',
};

/** Lines of the kernel's log that are shown of a failed step. */
const logLines = 20;

/** A scenario's result as text for people, without colour: its steps, what failed and the log around it, and its transitions. */
export function formatScenario(result: ScenarioResult, width = 100): string {
  const { name, kernel, verdict, steps, findings, timelines, boot, seconds, reason } = result;
  const how = boot?.how === 'restored' ? 'restored from a saved boot' : '1 boot';
  const accel = boot?.accel === 'kvm' ? 'KVM' : 'QEMU emulation';
  if (verdict === 'not-applicable') return `${verdict}: ${name} on ${kernel.release}: ${reason}\n`;
  const lines = [`${verdict}: ${name} on ${kernel.release} (${how}, ${accel}, ${seconds.toFixed(1)} s)`];
  const room = Math.max(80, width) - 32;
  for (const step of steps) {
    const depth = '  '.repeat(step.number.split('.').length - 1);
    const title = `${depth}${step.number} ${step.title}`;
    const time = step.status === 'skipped' ? '' : `${step.seconds.toFixed(2)} s`;
    lines.push(
      `  ${marks[step.status]} ${cut(title, room).padEnd(room)} ${time.padStart(8)}  ${cut(step.outcome ?? '', 40)}`.trimEnd(),
    );
    if (step.status === 'failed' && step.expected !== undefined) lines.push(...failure(result, step));
  }
  if (timelines.length > 0) lines.push('', 'transitions');
  for (const timeline of timelines.slice(0, 8))
    lines.push(...formatTimeline(timeline).map((line) => `  ${line}`));
  if (timelines.length > 8) lines.push(`  and ${timelines.length - 8} more`);
  if (findings.length > 0) lines.push('');
  for (const finding of findings)
    for (const line of formatFinding({ ...finding, what: `${finding.what} [${finding.step}]` }).split('\n'))
      lines.push(`  ${line}`);
  return `${lines.join('\n')}\n`;
}

function failure(result: ScenarioResult, step: ScenarioStepResult): string[] {
  const indent = ' '.repeat(10);
  const lines = [
    `${indent}at:       ${result.file}:${step.line}`,
    `${indent}expected: ${step.expected}`,
    `${indent}found:    ${(step.found ?? '').replaceAll('\n', `\n${indent}          `)}`,
  ];
  const log = logAround(result, step);
  if (log.length > 0) lines.push(`${indent}log of the kernel:`);
  for (const { seconds, text } of log) lines.push(`${indent}  [${seconds.toFixed(6).padStart(12)}] ${text}`);
  return lines;
}

/** The end of the step's log, and where that is short what the kernel said before it. */
function logAround({ steps }: ScenarioResult, step: ScenarioStepResult) {
  const own = step.log.slice(-logLines);
  const before = steps.slice(0, steps.indexOf(step)).flatMap(({ log }) => log);
  return [...before.slice(-Math.max(0, Math.min(6, logLines - own.length))), ...own];
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}
