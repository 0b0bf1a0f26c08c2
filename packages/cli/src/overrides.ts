import { UsageError } from '@klpkit/findings';

/** The flag `--override`, for commands that refuse by findings. */
export const overrideFlag = {
  kind: 'parsed',
  parse: String,
  variadic: true,
  placeholder: 'ID=REASON',
  optional: true,
} as const;

/** Answers of the user by id of a finding: `ID=REASON`. @throws {UsageError} for one without a reason */
export function parseOverrides(texts: readonly string[]): Map<string, string> {
  const overrides = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf('=');
    if (at < 1 || text.slice(at + 1).trim() === '')
      throw new UsageError(
        `--override ${text} gives no reason`,
        `--override ${at < 0 ? text : text.slice(0, at) || 'ID'}='why it does not matter here'`,
      );
    overrides.set(text.slice(0, at), text.slice(at + 1));
  }
  return overrides;
}
