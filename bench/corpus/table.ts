import type { Outcome } from './outcome.ts';
import { areaOf } from './sample.ts';

/** The outcomes in Markdown: totals by area, the reasons of refusal with examples, and one row for each file. */
export function tableOf(outcomes: readonly Outcome[], title: string): string {
  const asked = outcomes.filter(({ outcome }) => outcome !== 'not-built');
  const sources = asked.filter(({ kind }) => kind !== 'header');
  const headers = asked.filter(({ kind }) => kind === 'header');
  const absent = outcomes.filter(({ outcome }) => outcome === 'not-built');
  const areas = [...new Set(sources.map(({ file }) => areaOf(file)))].sort();
  const builds = asked.map(({ seconds }) => seconds.build).sort((a, b) => a - b);
  const of = (kind: Outcome['kind']) => asked.filter((each) => each.kind === kind).length;
  const sum = (key: 'units' | 'functions' | 'matched' | 'changed' | 'new' | 'removed') =>
    asked.reduce((total, { compared }) => total + (compared?.[key] ?? 0), 0);
  return [
    `# ${title}`,
    '',
    '| area | fixes | proven | built, not proven | judged, not built | nothing for this kernel | refused | failed |',
    '|---|---|---|---|---|---|---|---|',
    ...areas.map((area) =>
      totals(
        area,
        sources.filter(({ file }) => areaOf(file) === area),
      ),
    ),
    totals('all sources', sources),
    ...(headers.length > 0 ? [totals('headers', headers)] : []),
    '',
    `Built-in: ${of('built-in')}, in modules: ${of('module')}.`,
    `Compared: ${sum('units')} units, ${sum('functions')} functions in those that differ, ${sum('matched')} of them matched with the shipped code; ${sum('changed')} changed, ${sum('new')} new, ${sum('removed')} gone.`,
    ...partly(asked),
    ...second(asked),
    `Building: median ${(builds[Math.floor(builds.length / 2)] ?? 0).toFixed(1)} s, longest ${(builds.at(-1) ?? 0).toFixed(1)} s.`,
    '',
    ...reasonTable(
      'reason of refusal, or why there is nothing to patch',
      asked.filter(({ outcome }) => outcome === 'refused'),
    ),
    ...reasonTable(
      'failure',
      asked.filter(({ outcome }) => outcome === 'failed'),
    ),
    ...whyTable(asked),
    ...(absent.length > 0
      ? [
          `Not built by this configuration: ${absent.length} changed files.`,
          '',
          ...reasonTable('what is off', absent),
        ]
      : []),
    '| file | functions | matched | changed | new | outcome | why |',
    '|---|---|---|---|---|---|---|',
    ...asked.map(row),
    '',
  ].join('\n');
}

function totals(name: string, list: readonly Outcome[]): string {
  const count = (verdict: Verdict) => list.filter((each) => verdictOf(each) === verdict).length;
  const verdicts: Verdict[] = ['proven', 'built', 'buildable', 'nothing', 'refused', 'failed'];
  return `| ${name} | ${list.length} | ${verdicts.map(count).join(' | ')} |`;
}

type Verdict = Outcome['outcome'] | 'nothing';

/** The outcome; apart where a fix changes nothing that this kernel runs. */
function verdictOf({ outcome, reasons }: Outcome): Verdict {
  return outcome === 'refused' && reasons.every(({ id }) => id === 'nothing-changed') ? 'nothing' : outcome;
}

/** Livepatches that load and revert, and whose module the proof machine has no hardware for: said, not hidden. */
function partly(outcomes: readonly Outcome[]): string[] {
  const without = outcomes.filter(
    ({ outcome, reasons }) => outcome === 'proven' && reasons.some(({ id }) => id.startsWith('target-')),
  );
  return without.length === 0
    ? []
    : [
        `Of the proven ones ${without.length} patch a module that cannot be loaded in the proof machine; they were loaded, enabled, reverted and unloaded without it: ${without.map(({ file }) => file).join(', ')}.`,
      ];
}

function second(outcomes: readonly Outcome[]): string[] {
  const asked = outcomes.filter((outcome) => outcome.second !== undefined);
  const others = asked.filter((outcome) => outcome.second?.length);
  return asked.length === 0
    ? []
    : [
        `Second opinion: asked for ${asked.length} fixes, the same set of changed functions in ${asked.length - others.length}.`,
      ];
}

/** Reasons with how many files have them, and the words of the first. */
function reasonTable(title: string, outcomes: readonly Outcome[]): string[] {
  const byId = new Map<string, { count: number; example: string }>();
  for (const { file, reasons } of outcomes)
    for (const id of new Set(reasons.map((reason) => reason.id))) {
      const known = byId.get(id);
      const what = reasons.find((reason) => reason.id === id)?.what ?? '';
      if (known) known.count++;
      else byId.set(id, { count: 1, example: `${file}: ${what}` });
    }
  if (byId.size === 0) return [];
  return [
    `| ${title} | fixes | such as |`,
    '|---|---|---|',
    ...[...byId]
      .sort((a, b) => b[1].count - a[1].count || (a[0] < b[0] ? -1 : 1))
      .map(([id, { count, example }]) => `| ${id} | ${count} | ${cell(example, 200)} |`),
    '',
  ];
}

function whyTable(outcomes: readonly Outcome[]): string[] {
  const kinds = new Map<string, number>();
  for (const { why } of outcomes) for (const { kind } of why) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  if (kinds.size === 0) return [];
  return [
    '| why a function changed | functions |',
    '|---|---|',
    ...[...kinds]
      .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
      .map(([kind, count]) => `| ${kind} | ${count} |`),
    '',
  ];
}

function row(one: Outcome): string {
  const { file, outcome, compared, why, functions, reasons } = one;
  const shown =
    outcome === 'refused' || outcome === 'failed'
      ? reasons.map(({ id, what }) => `${id}: ${what}`).join('; ')
      : why.length > 0
        ? why.map((one) => `${one.function} (${one.kind})`).join(', ')
        : functions.join(', ');
  const numbers = compared
    ? [compared.functions, compared.matched, compared.changed, compared.new].join(' | ')
    : '– | – | – | –';
  return `| ${file} | ${numbers} | ${verdictOf(one)} | ${cell(shown, 240)} |`;
}

function cell(text: string, most: number): string {
  const short = text.length > most ? `${text.slice(0, most)} …` : text;
  return short.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
