import type { Finding } from '@klpkit/findings';

/** Findings of one unit, each once. */
export class Notes {
  readonly #unit: string;
  readonly #findings: Finding[] = [];
  readonly #seen = new Set<string>();

  constructor(unit: string) {
    this.#unit = unit;
  }

  add(finding: Finding): void {
    const key = `${finding.id}:${finding.at?.symbol}:${finding.what}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#findings.push({ ...finding, at: { unit: this.#unit, ...finding.at } });
  }

  all(): readonly Finding[] {
    return this.#findings;
  }
}
