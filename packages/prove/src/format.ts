import { formatFinding } from '@klpkit/findings';
import { formatTimeline } from './timeline/format.ts';
import type { CheckOutput, CheckResult, LivepatchProof, Pass, Proof } from './types.ts';

/** Options of {@link formatProof}. */
export interface FormatOptions {
  /** Columns to fill; default 100, at least 80. */
  readonly width?: number;
  /** Lines of a check's output that are shown; default 12. */
  readonly maxLines?: number;
}

const orderWords: Readonly<Record<Pass['order'], string>> = {
  vmlinux: '',
  'livepatch-first': ' (livepatch first, its targets later)',
  'targets-first': ' (targets first, livepatch later, targets reloaded)',
};

/** A proof as text for people, without colour: per livepatch its steps, its checks side by side, and what was found. */
export function formatProof(proof: Proof, options: FormatOptions = {}): string {
  const { width = 100, maxLines = 12 } = options;
  const failed = proof.livepatches.filter(({ verdict }) => verdict === 'failed').length;
  const count = proof.livepatches.length;
  const [only] = proof.livepatches;
  const what = count === 1 && only ? only.name : `${count} livepatches`;
  const part = failed > 0 && count > 1 ? `, ${failed} of them failed` : '';
  const accel = proof.boots[0]?.accel === 'kvm' ? 'KVM' : 'QEMU emulation';
  const restored = proof.boots.filter(({ how }) => how === 'restored').length;
  const boots = startWords(proof.boots.length - restored, restored);
  const lines = [
    `${proof.verdict}: ${what} on ${proof.kernel.release}${part} (${boots}, ${accel}, ${proof.seconds.toFixed(1)} s)`,
  ];
  for (const livepatch of proof.livepatches)
    lines.push('', ...formatLivepatch(livepatch, Math.max(80, width), maxLines));
  return `${lines.join('\n')}\n`;
}

/** `1 boot`, `2 boots, 1 restored from a saved boot`. */
function startWords(booted: number, restored: number): string {
  const words = booted > 0 || restored === 0 ? [`${booted} ${booted === 1 ? 'boot' : 'boots'}`] : [];
  if (restored > 0) words.push(`${restored === 1 ? '' : `${restored} `}restored from a saved boot`);
  return words.join(', ');
}

function formatLivepatch(proof: LivepatchProof, width: number, maxLines: number): string[] {
  const lines = [`${proof.name}: ${proof.verdict}`];
  for (const { name, functions } of proof.objects) {
    lines.push(`  patches ${name}: ${listed(functions, (one) => one)}`);
  }
  for (const pass of proof.passes) {
    lines.push(`  steps${orderWords[pass.order]}`);
    for (const step of pass.steps) {
      const seconds = `${step.seconds.toFixed(2)} s`.padStart(8);
      lines.push(
        `    ${step.isOk ? 'ok    ' : 'FAILED'} ${step.name.padEnd(26)}${seconds}  ${oneLine(step.outcome ?? '', width - 46)}`.trimEnd(),
      );
    }
    for (const check of pass.checks) lines.push(...formatCheck(check, width, maxLines));
  }
  const called = proof.calls.filter(({ calls }) => calls > 0);
  const silent = proof.calls.filter(({ calls }) => calls === 0);
  if (called.length > 0)
    lines.push(
      `  called while checks ran: ${listed(called, ({ function: name, calls }) => `${name} ${calls === 1 ? 'once' : `${calls} times`}`)}`,
    );
  if (silent.length > 0)
    lines.push(`  not called by the checks: ${listed(silent, ({ function: name }) => name)}`);
  if (proof.blockers.length > 0) {
    lines.push('  tasks that block the transition');
    for (const { name, tid, reason, stack } of proof.blockers.slice(0, maxLines)) {
      lines.push(`    ${name}:${tid}${reason ? ` ${reason}` : ''}`);
      for (const frame of stack.slice(0, 6)) lines.push(`      ${frame}`);
    }
    if (proof.blockers.length > maxLines) lines.push(`    and ${proof.blockers.length - maxLines} more`);
  }
  const slow = proof.timelines.filter(({ outcome, tasks }) => outcome !== 'complete' || tasks.length > 0);
  for (const timeline of slow) lines.push(...formatTimeline(timeline, maxLines).map((line) => `  ${line}`));
  for (const finding of proof.findings) {
    const text = formatFinding({ ...finding, what: `${finding.what} [${finding.step}]` });
    for (const line of text.split('\n')) lines.push(`  ${line}`);
  }
  return lines;
}

/** At most eight of a list. */
function listed<T>(items: readonly T[], words: (item: T) => string): string {
  const shown = items.slice(0, 8).map(words).join(', ');
  return items.length > 8 ? `${shown}, and ${items.length - 8} more` : shown;
}

const phases = ['before', 'patched', 'reverted'] as const;

function formatCheck(check: CheckResult, width: number, maxLines: number): string[] {
  const reached = phases.filter((phase) => check[phase]);
  const lines = [`  check: ${oneLine(check.command, width - 9)}`];
  if (reached.length === 0) return [...lines, '    not reached'];
  const column = Math.floor((width - 4 - 3 * (reached.length - 1)) / reached.length);
  const cells = reached.map((phase) => cellLines(phase, check[phase] as CheckOutput, column, maxLines));
  const height = Math.max(...cells.map((cell) => cell.length));
  for (let row = 0; row < height; row++) {
    const texts = cells.map((cell) => (cell[row] ?? '').padEnd(column));
    lines.push(`    ${texts.join(' | ')}`.trimEnd());
  }
  return lines;
}

function cellLines(phase: string, output: CheckOutput, column: number, maxLines: number): string[] {
  const met = output.isMet === undefined ? '' : output.isMet ? ': as expected' : ': UNEXPECTED';
  const lines: string[] = [];
  const text = output.isBinary
    ? `(${output.totalBytes} bytes of binary data)`
    : output.text.trimEnd() || '(nothing)';
  let left = 0;
  for (const line of text.split('\n')) {
    for (let at = 0; at === 0 || at < line.length; at += column) {
      if (lines.length < maxLines) lines.push(line.slice(at, at + column).replaceAll('\t', ' '));
      else left++;
    }
  }
  if (left > 0) lines.push(oneLine(`(${left} more lines of ${output.totalBytes} bytes)`, column));
  if (output.isTimedOut) lines.push('(time limit passed)');
  else if (output.code === null) lines.push('(ended by a signal)');
  else if (output.code !== 0) lines.push(`(exit code ${output.code})`);
  if (output.isMet === false) lines.push(oneLine(`expected: ${output.expected}`, column));
  return [`${phase}${met}`, '-'.repeat(column), ...lines];
}

function oneLine(text: string, width: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > width ? `${line.slice(0, width - 1)}…` : line;
}
