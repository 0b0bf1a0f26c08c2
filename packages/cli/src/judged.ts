import { writeFile } from 'node:fs/promises';
import type { Finding } from '@klpkit/findings';
import { pitfallOf, type Unchecked } from '@klpkit/pitfalls';
import meta from '../package.json' with { type: 'json' };
import type { Context } from './context.ts';
import { findingText } from './failure.ts';
import type { JudgeFlags } from './judge-flags.ts';
import type { Answered, Policy } from './policy.ts';
import { plural } from './words.ts';

/** How many findings there are of each severity. */
export function countsOf(findings: readonly Finding[]): { error: number; warning: number; note: number } {
  const counts = { error: 0, warning: 0, note: 0 };
  for (const { severity } of findings) counts[severity]++;
  return counts;
}

/** True when findings are to end the command with exit code 1. */
export function isTooMuch(findings: readonly Finding[], flags: JudgeFlags, policy: Policy): boolean {
  const { error, warning } = countsOf(findings);
  const most = flags.maxWarnings ?? policy.maxWarnings;
  return error > 0 || (most !== undefined && warning > most);
}

/** Writes the SARIF file if one is asked for. */
export async function writeSarif(flags: JudgeFlags, judged: string, answered: Answered): Promise<void> {
  if (flags.sarif === undefined) return;
  const { sarifLog } = await import('./sarif.ts');
  const { writeFileAtomic } = await import('@klpkit/host');
  const text = `${JSON.stringify(sarifLog(meta.version, judged, answered), undefined, 2)}\n`;
  if (flags.sarif === '/dev/stdout') await writeFile(flags.sarif, text);
  else await writeFileAtomic(flags.sarif, text);
}

/** Prints findings, worst first, then what was answered and what was not looked for. */
export function sayJudgement(
  context: Context,
  { findings, suppressed }: Answered,
  unchecked: readonly Unchecked[],
  more: (finding: Finding) => readonly string[] = () => [],
): void {
  const { stdout } = context.process;
  // Written at once: there may be thousands.
  const lines: string[] = [];
  for (const finding of findings) {
    lines.push(findingText(context, finding, stdout));
    for (const line of more(finding)) lines.push(context.paint('dim', `  ${line}`));
    const { evidence, certainty } = finding;
    if (evidence || certainty)
      lines.push(
        context.paint('dim', `  from: ${evidence?.join(', ') ?? 'the file'}; ${certainty ?? 'certain'}`),
      );
  }
  for (const { finding, reason } of suppressed)
    lines.push(context.paint('dim', `answered ${finding.id}: ${finding.what}: ${reason}`));
  for (const [missing, ids] of byMissing(unchecked))
    lines.push(
      `${context.paint('warning', 'not checked')}, for want of ${missing}: ${ids.length > 8 ? `${ids.slice(0, 8).join(', ')} and ${ids.length - 8} more` : ids.join(', ')}`,
    );
  const counts = countsOf(findings);
  const words = (['error', 'warning', 'note'] as const).map((severity) => plural(counts[severity], severity));
  lines.push(
    `${words.join(', ')}${findings.some(({ id }) => pitfallOf(id)) ? '; klpkit explain ID tells more' : ''}`,
  );
  context.say(lines.join('\n'));
}

const wants: Readonly<Record<Unchecked['missing'][number], string>> = {
  placement: "the compiler's placement of functions (--sources)",
  'ipa-clones': "gcc's dump of clones",
  dwarf: 'debug information',
  operands: 'rules for the instructions of this machine',
  edits: 'the text of the fix',
  types: 'type information',
  kernel: 'a kernel (--kernel)',
  configuration: 'the configuration of the kernel',
  tables: 'klp_patch tables in the module',
  code: 'code of a machine that klpkit reads',
  older: 'the livepatch that it replaces (--replaces)',
};

function byMissing(unchecked: readonly Unchecked[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { id, missing } of unchecked) {
    const key = missing.map((need) => wants[need]).join(' and ');
    const list = groups.get(key);
    if (list) list.push(id);
    else groups.set(key, [id]);
  }
  return groups;
}
