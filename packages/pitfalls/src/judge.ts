import type { Finding } from '@klpkit/findings';
import { pitfallOf, pitfalls } from './all.ts';
import type { LivepatchEvidence, UnitEvidence } from './evidence.ts';
import { isUnderstood } from './operands.ts';
import type { LivepatchNeed, Observation, Pitfall, Rule, Step, UnitNeed } from './pitfall.ts';

/** What the rules say. */
export interface Judgement {
  /** Worst first, then by id, in the order in which each rule reports. */
  readonly findings: readonly Finding[];
  /** Pitfalls that were not looked for because something is missing. Never to be taken for "not found". */
  readonly unchecked: readonly Unchecked[];
}

/** A pitfall whose rule did not run. */
export interface Unchecked {
  readonly id: string;
  /** What the rule needs and was not given. */
  readonly missing: readonly (UnitNeed | LivepatchNeed)[];
}

/** Runs every rule about one unit of a fix; what the steps themselves found is part of the answer. */
export function assessUnit(evidence: UnitEvidence): Judgement {
  return judge(evidence, evidence.found, (pitfall) => pitfall.unit, missingOfUnit(evidence));
}

/** Runs every rule about a finished module; what the kernel's own rules found is part of the answer. */
export function checkLivepatch(evidence: LivepatchEvidence): Judgement {
  return judge(evidence, evidence.found, (pitfall) => pitfall.livepatch, missingOfLivepatch(evidence));
}

const rank = { error: 0, warning: 1, note: 2 } as const;

/** Sorts findings worst first, then by id; equal ones keep their order. */
export function worstFirst(findings: Iterable<Finding>): Finding[] {
  return [...findings].sort(
    (a, b) => rank[a.severity] - rank[b.severity] || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
}

function judge<Evidence, Need extends UnitNeed | LivepatchNeed>(
  evidence: Evidence,
  found: readonly Finding[],
  ruleOf: (pitfall: Pitfall) => Rule<Evidence, Need> | undefined,
  missing: ReadonlySet<UnitNeed | LivepatchNeed>,
): Judgement {
  const findings = [...found];
  const unchecked: Unchecked[] = [];
  for (const pitfall of pitfalls) {
    const rule = ruleOf(pitfall);
    if (!rule) continue;
    const lacks = rule.needs.filter((need) => missing.has(need));
    if (lacks.length > 0) {
      unchecked.push({ id: pitfall.id, missing: lacks });
      continue;
    }
    for (const observation of rule.find(evidence)) findings.push(numbered(pitfall, observation));
  }
  return { findings: worstFirst(findings), unchecked };
}

/** What each step of a build works on, for findings that do not say it themselves. */
const worksOn: Readonly<Record<Step, string>> = {
  read: 'the patch',
  match: 'code of the shipped kernel',
  compare: 'objects before and after the fix',
  extract: 'objects before and after the fix',
  finish: 'the finished module',
  rules: 'klp structures of the livepatch',
  prove: 'log of the kernel',
};

/** Findings of the steps of a build, each with what it rests on where it does not say so itself. */
export function withStepEvidence(findings: readonly Finding[]): Finding[] {
  return findings.map((finding) => {
    const [step] = pitfallOf(finding.id)?.foundBy ?? [];
    return finding.evidence || step === undefined ? finding : { ...finding, evidence: [worksOn[step]] };
  });
}

function numbered({ id, severity }: Pitfall, observation: Observation): Finding {
  return { id, severity, ...observation };
}

function missingOfUnit(evidence: UnitEvidence): Set<UnitNeed> {
  const missing = new Set<UnitNeed>();
  const witnesses = evidence.placement?.before.witnesses ?? [];
  if (!evidence.placement) missing.add('placement');
  if (!witnesses.includes('ipa-clones')) missing.add('ipa-clones');
  const editsSource = evidence.edits?.some(({ path }) => path === evidence.unit) ?? true;
  if (!witnesses.includes('dwarf') && editsSource) missing.add('dwarf');
  if (!evidence.edits) missing.add('edits');
  if (!evidence.types) missing.add('types');
  if (!isUnderstood(evidence.comparison.before)) missing.add('operands');
  if (!evidence.kernel) missing.add('kernel');
  else if (!evidence.kernel.config) missing.add('configuration');
  return missing;
}

function missingOfLivepatch(evidence: LivepatchEvidence): Set<LivepatchNeed> {
  const missing = new Set<LivepatchNeed>();
  if (!evidence.livepatch.patch) missing.add('tables');
  if (!evidence.kernel) missing.add('kernel');
  else if (!evidence.kernel.config) missing.add('configuration');
  if (!evidence.model) missing.add('code');
  else if (!isUnderstood(evidence.model)) missing.add('operands');
  if (!evidence.placement) missing.add('placement');
  if (!evidence.older) missing.add('older');
  return missing;
}
