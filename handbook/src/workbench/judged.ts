import type { ObjectModel } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import type { Unchecked } from '@klpkit/pitfalls';
import {
  type FindingView,
  plural,
  type UncheckedView,
} from '../../../packages/author/src/report/parts/index.ts';
import { pageOf } from './opened.ts';
import type { View } from './protocol.ts';

/** What a pitfall's rule lacked, in the words of somebody who has only the file. */
const lacking: Readonly<Record<string, string>> = {
  kernel: 'the kernel that it is for: open its image beside it',
  configuration: 'the configuration of the kernel, which its image does not hold: klpkit check --kernel',
  operands: 'rules for the instructions of this machine',
  placement: "the kernel's source: klpkit check --sources",
  older: 'the livepatch that it replaces: open both together',
  tables: 'the tables of a livepatch',
  code: 'code of a machine that is understood',
  dwarf: 'debug information: compile with -g',
  'ipa-clones': "gcc's dump of clones: klpkit assess",
  edits: 'the fix as a patch: klpkit assess',
  types: 'types: compile with -gbtf',
};

/**
 * Findings and what was not checked, for the page.
 *
 * @param code says which function's code a finding is about
 * @param more what else was not looked for
 */
export function judged(
  {
    findings,
    unchecked,
  }: { readonly findings: readonly Finding[]; readonly unchecked: readonly Unchecked[] },
  code: (finding: Finding) => string | undefined = () => undefined,
  more: readonly UncheckedView[] = [],
): Pick<View, 'findings' | 'unchecked'> {
  const by = new Map<string, string[]>();
  for (const { id, missing } of unchecked) {
    const words = missing.map((need) => lacking[need] ?? need).join(' and ');
    by.set(words, [...(by.get(words) ?? []), id]);
  }
  return {
    findings: findings.map((finding): FindingView => {
      const href = pageOf(finding.id);
      const key = code(finding);
      return { ...finding, ...(href ? { href } : {}), ...(key === undefined ? {} : { code: key }) };
    }),
    unchecked: [...[...by].map(([missing, ids]) => ({ missing, ids: ids.sort() })), ...more],
  };
}

/** The verdict over some findings. */
export function verdictOf(findings: readonly Finding[], nothing: string): View['verdict'] {
  const count = (severity: Finding['severity']) => findings.filter((one) => one.severity === severity).length;
  const [errors, warnings, notes] = [count('error'), count('warning'), count('note')];
  const parts = [
    errors > 0 && plural(errors, 'error'),
    warnings > 0 && plural(warnings, 'warning'),
    notes > 0 && plural(notes, 'note'),
  ].filter((part) => part !== false);
  return {
    tone: errors > 0 ? 'bad' : warnings > 0 ? 'warning' : 'good',
    text: parts.length === 0 ? nothing : parts.join(', '),
  };
}

/** The function that covers the place of a finding. */
export function codeOfFinding(model: ObjectModel | undefined, { at }: Finding): string | undefined {
  if (!model || !at) return undefined;
  const section = model.elf.sections.find(({ name }) => name === at.section);
  const piece =
    section && at.offset !== undefined
      ? model.pieceAt(section, at.offset)
      : at.symbol === undefined
        ? undefined
        : model.named(at.symbol)[0];
  return piece?.kind === 'function' ? String(piece.id) : undefined;
}
