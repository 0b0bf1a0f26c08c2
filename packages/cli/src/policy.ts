import { dirname, join } from 'node:path';
import { type Finding, type Severity, UsageError } from '@klpkit/findings';
import * as v from 'valibot';
import { isFile, readUserFile } from './input.ts';

const severity = v.picklist(['error', 'warning', 'note']);
const reason = v.pipe(v.string(), v.trim(), v.nonEmpty('a reason is needed: why it does not matter here'));

/** What `klpkit.toml` may hold. */
const policySchema = v.strictObject({
  /** More warnings than this end with exit code 1. */
  'max-warnings': v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Other severities for findings, by id. */
  levels: v.optional(v.record(v.string(), severity)),
  /** Findings that the author has answered. */
  suppress: v.optional(
    v.array(
      v.strictObject({
        id: v.string(),
        symbol: v.optional(v.string()),
        unit: v.optional(v.string()),
        reason,
      }),
    ),
  ),
});

/** An answer to a finding: where `symbol` or `unit` are given, only findings about them are meant. */
export interface Suppression {
  readonly id: string;
  readonly symbol?: string | undefined;
  readonly unit?: string | undefined;
  readonly reason: string;
}

/** The author's rules about findings. */
export interface Policy {
  /** File that it was read from, as it is to be named; absent when there is none. */
  readonly file?: string;
  readonly maxWarnings?: number | undefined;
  readonly levels: ReadonlyMap<string, Severity>;
  readonly suppressions: readonly Suppression[];
}

/** Findings after the author's rules. */
export interface Answered {
  readonly findings: readonly Finding[];
  readonly suppressed: readonly { readonly finding: Finding; readonly reason: string }[];
}

const none: Policy = { levels: new Map(), suppressions: [] };
const fileName = 'klpkit.toml';

/**
 * The policy that is named, else `klpkit.toml` next to the judged file, else the one in the working folder, else none.
 *
 * @throws {UsageError} that names file and place of a mistake
 */
export async function readPolicy(named: string | undefined, judged: string): Promise<Policy> {
  if (named !== undefined) return parsePolicy(named, new TextDecoder().decode(await readUserFile(named)));
  for (const path of [join(dirname(judged), fileName), fileName])
    if (await isFile(path)) return parsePolicy(path, new TextDecoder().decode(await readUserFile(path)));
  return none;
}

/** @throws {UsageError} that names the place of a mistake */
export async function parsePolicy(file: string, text: string): Promise<Policy> {
  const { parse, TomlError } = await import('smol-toml');
  let data: unknown;
  try {
    data = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new UsageError(
      `${file}:${error.line}:${error.column}: ${error.message.split('\n')[0]}`,
      'write it as TOML: https://toml.io',
    );
  }
  const result = v.safeParse(policySchema, data);
  if (!result.success) {
    const [issue] = result.issues;
    const place = v.getDotPath(issue);
    throw new UsageError(
      `${file}: ${place ? `${place}: ` : ''}${issue.message}`,
      'allowed are max-warnings, [levels] with ID = "error", "warning" or "note", and [[suppress]] with id, reason, symbol, unit',
    );
  }
  const { levels = {}, suppress = [], 'max-warnings': maxWarnings } = result.output;
  return { file, maxWarnings, levels: new Map(Object.entries(levels)), suppressions: suppress };
}

/** Findings with the author's levels, without those that are answered; an answer that answers nothing is a warning itself. */
export function answer(findings: readonly Finding[], policy: Policy): Answered {
  const used = new Set<Suppression>();
  const left: Finding[] = [];
  const suppressed: { finding: Finding; reason: string }[] = [];
  for (const finding of findings) {
    const found = policy.suppressions.find(
      ({ id, symbol, unit }) =>
        id === finding.id &&
        (symbol === undefined || symbol === finding.at?.symbol) &&
        (unit === undefined || unit === (finding.at?.unit ?? finding.at?.file)),
    );
    if (found) {
      used.add(found);
      suppressed.push({ finding, reason: found.reason });
      continue;
    }
    const level = policy.levels.get(finding.id);
    left.push(level ? { ...finding, severity: level } : finding);
  }
  for (const suppression of policy.suppressions)
    if (!used.has(suppression))
      left.push({
        id: 'unused-suppression',
        severity: 'warning',
        what: `${[suppression.id, suppression.symbol, suppression.unit].filter(Boolean).join(' ')} is suppressed, and nothing of that kind was found`,
        next: 'take the suppression out: the next finding of that kind would be hidden by it',
        ...(policy.file ? { at: { file: policy.file } } : {}),
      });
  return { findings: left, suppressed };
}
