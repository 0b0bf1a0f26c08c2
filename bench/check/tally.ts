import type { Finding } from '@klpkit/findings';
import { pitfallOf } from '@klpkit/pitfalls';

/** What was done about the rules that are heard most. */
const done: Readonly<Record<string, string>> = {
  KLP223: 'a note of one line, since it is true of every livepatch that nobody signed; `klpkit sign` ends it',
  KLP225: 'a note, and only where the init of a module itself calls a function that is replaced',
  KLP506:
    'not said of what each livepatch has afresh by its nature: once-flags, rate limits, keys of lockdep; what is left are locks that the fixes add',
  KLP101: 'a note, since the build replaces the callers that hold the copies, and says which',
  KLP128: 'one note for a unit, which names the functions and their flags',
  KLP403: 'one note for a unit, and only where the sequence of the calls differs',
};

/** How often each rule spoke, and in how many livepatches. */
export class Tally {
  readonly #rules = new Map<string, { count: number; livepatches: Set<string>; example: string }>();
  readonly #warnings: number[] = [];
  /** Every error, with the livepatch that it is about. */
  readonly errors: string[] = [];

  /** Counts what was said of one livepatch. */
  add(name: string, findings: readonly Finding[]): void {
    this.#warnings.push(findings.filter(({ severity }) => severity === 'warning').length);
    for (const { id, severity, what } of findings) {
      if (severity === 'error') this.errors.push(`${name}: ${id}: ${what}`);
      const key = `${severity} ${id}`;
      const rule = this.#rules.get(key) ?? { count: 0, livepatches: new Set(), example: what };
      this.#rules.set(key, rule);
      rule.count++;
      rule.livepatches.add(name);
    }
  }

  /** In one line, without the full stop. */
  get summary(): string {
    const sorted = this.#warnings.sort((a, b) => a - b);
    return `${sorted.length} livepatches: ${this.errors.length} errors, warnings per livepatch: median ${sorted[sorted.length >> 1] ?? 0}, most ${sorted.at(-1) ?? 0}`;
  }

  /** Markdown: rules by how often they spoke, and what was done about the first three. */
  get table(): string[] {
    const rules = [...this.#rules].sort((a, b) => b[1].count - a[1].count || (a[0] < b[0] ? -1 : 1));
    const [first, second, third] = rules.map(([key]) => key.split(' ')[1] as string);
    return [
      '| finding | how often | livepatches | title | for example |',
      '|---|---|---|---|---|',
      ...rules.map(
        ([key, { count, livepatches, example }]) =>
          `| ${key} | ${count} | ${livepatches.size} | ${pitfallOf(key.split(' ')[1])?.title ?? ''} | ${example.length > 160 ? `${example.slice(0, 157)}…` : example} |`,
      ),
      '',
      'Those that say most:',
      '',
      ...[first, second, third].flatMap((id) =>
        id ? [`- ${id}: ${done[id] ?? 'nothing was done about it yet'}`] : [],
      ),
      '',
    ];
  }
}
