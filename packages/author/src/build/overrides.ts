import { type Finding, UsageError } from '@klpkit/findings';

/**
 * Errors that an author may answer for: what they leave out of the livepatch is known, and the rest of it is whole. All others
 * would make a livepatch that cannot be right.
 */
const overridable = new Set([
  'KLP130',
  'KLP143',
  'KLP144',
  'KLP402',
  'KLP407',
  'KLP408',
  'KLP501',
  'KLP502',
  'KLP503',
  'KLP504',
  'KLP505',
  'KLP507',
  'header-outside-units',
]);

/** Answers of the author: the id of a finding and the reason why it does not matter here. */
export type Overrides = ReadonlyMap<string, string>;

/** @throws {UsageError} for an id that cannot be overridden, or an answer without a reason */
export function checkOverrides(overrides: Overrides): void {
  for (const [id, reason] of overrides) {
    if (!overridable.has(id))
      throw new UsageError(
        `${id} cannot be overridden`,
        `these can be: ${[...overridable].sort().join(', ')}`,
      );
    if (reason.trim() === '')
      throw new UsageError(
        `the override of ${id} gives no reason`,
        `--override ${id}='why it does not matter here'`,
      );
  }
}

/** Findings with the author's answers: an overridden error becomes a warning that carries the reason. */
export function withOverrides(findings: readonly Finding[], overrides: Overrides): Finding[] {
  return findings.map((finding) => {
    const reason = finding.severity === 'error' ? overrides.get(finding.id) : undefined;
    if (reason === undefined) return finding;
    return { ...finding, severity: 'warning', next: `overridden by the author: ${reason}` };
  });
}

/** Whether the author may answer for a finding. */
export function isOverridable(id: string): boolean {
  return overridable.has(id);
}
