import { Refusal } from '@klpkit/findings';

/** What became of one fix; one line of the bench's JSON. */
export interface Outcome {
  /** The changed source. */
  readonly file: string;
  /** Where its code lives. */
  readonly kind: 'built-in' | 'module';
  readonly outcome: 'proven' | 'refused' | 'failed';
  /** For `refused` and `failed`: ids of findings with their words; for `proven`: what the proof could not show. */
  readonly reasons: readonly { readonly id: string; readonly what: string }[];
  /** Functions that the livepatch replaces, as `object:function`. */
  readonly functions: readonly string[];
  /** Changed headers that came along. */
  readonly headers: readonly string[];
  /** Wall seconds of the build, and of this livepatch's part of the proof by the guest's clock. */
  readonly seconds: { readonly build: number; readonly proof?: number };
}

/** The errors of a refusal; anything else is a defect and has no place among the reasons. */
export function reasonsOf(error: unknown): Outcome['reasons'] {
  if (!(error instanceof Refusal)) throw error;
  return error.findings
    .filter((finding) => finding.severity === 'error')
    .map(({ id, what }) => ({ id, what }));
}

/** The outcomes as a table in Markdown: totals by area, then the reasons of refusal. */
export function tableOf(outcomes: readonly Outcome[], title: string): string {
  const areas = [...new Set(outcomes.map(({ file }) => file.split('/', 1)[0]))].sort();
  const count = (list: readonly Outcome[], outcome: Outcome['outcome']) =>
    list.filter((each) => each.outcome === outcome).length;
  const row = (name: string, list: readonly Outcome[]) =>
    `| ${name} | ${list.length} | ${count(list, 'proven')} | ${count(list, 'refused')} | ${count(list, 'failed')} |`;
  const reasons = new Map<string, number>();
  for (const { outcome, reasons: list } of outcomes)
    if (outcome === 'refused')
      for (const id of new Set(list.map((reason) => reason.id))) reasons.set(id, (reasons.get(id) ?? 0) + 1);
  const builds = outcomes.map(({ seconds }) => seconds.build).sort((a, b) => a - b);
  const middle = builds[Math.floor(builds.length / 2)] ?? 0;
  return [
    `# ${title}`,
    '',
    '| area | fixes | proven | refused | failed |',
    '|---|---|---|---|---|',
    ...areas.map((area) =>
      row(
        area,
        outcomes.filter(({ file }) => file.startsWith(`${area}/`)),
      ),
    ),
    row('all', outcomes),
    '',
    `Built-in: ${outcomes.filter(({ kind }) => kind === 'built-in').length}, in modules: ${outcomes.filter(({ kind }) => kind === 'module').length}.`,
    ...partly(outcomes),
    `Building: median ${middle.toFixed(1)} s, longest ${(builds.at(-1) ?? 0).toFixed(1)} s.`,
    '',
    '| reason of refusal | fixes |',
    '|---|---|',
    ...[...reasons]
      .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
      .map(([id, n]) => `| ${id} | ${n} |`),
    '',
    '| fix | outcome | functions or reasons |',
    '|---|---|---|',
    ...outcomes.map(
      ({ file, outcome, functions, reasons: list }) =>
        `| ${file} | ${outcome} | ${cell(outcome === 'proven' ? functions.join(', ') : list.map(({ id, what }) => `${id}: ${what}`).join('; '))} |`,
    ),
    '',
  ].join('\n');
}

/** Livepatches that load and revert, and whose module the proof machine has no hardware for: said, not hidden. */
function partly(outcomes: readonly Outcome[]): string[] {
  const without = outcomes.filter(
    ({ outcome, reasons }) => outcome === 'proven' && reasons.some(({ id }) => id.startsWith('target-')),
  );
  return without.length === 0
    ? []
    : [
        `Of the proven ones ${without.length} patch a module that cannot be loaded in the proof machine: ${without.map(({ file }) => file).join(', ')}. They were loaded, enabled, reverted and unloaded without it.`,
      ];
}

function cell(text: string): string {
  const short = text.length > 300 ? `${text.slice(0, 300)} …` : text;
  return short.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
