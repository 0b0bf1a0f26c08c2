/** How bad a finding is: an `error` stops a build, a `warning` needs a decision, a `note` explains. */
export type Severity = 'error' | 'warning' | 'note';

/** Where a finding was seen. Every field is optional; give as many as are known. */
export interface Place {
  /** Path of a file, relative to the kernel tree or as the user gave it. */
  readonly file?: string;
  readonly line?: number;
  /** From 1; only with `line`. */
  readonly column?: number;
  /** The translation unit, as its source path in the kernel tree: `fs/namei.c`. */
  readonly unit?: string;
  readonly section?: string;
  /** Byte offset inside `section`, or inside `file` when there is no section. */
  readonly offset?: number;
  readonly symbol?: string;
}

/**
 * One thing that is said about a fix, an object or a livepatch, as data.
 *
 * `id` is a KLPnnn number of the pitfall catalogue where one fits, else a short name with dashes (`patch-does-not-apply`).
 * `what`, `why` and `next` are sentences that stand alone: lower case, no full stop.
 */
export interface Finding {
  readonly id: string;
  readonly severity: Severity;
  readonly what: string;
  readonly why?: string;
  readonly next?: string;
  /** What it rests on, each in words: `DWARF of the before object`. */
  readonly evidence?: readonly string[];
  /** How sure it is; absent is `certain`. `likely` and `possible` need the author's eye. */
  readonly certainty?: Certainty;
  readonly at?: Place;
}

/** `certain`: the evidence shows it. `likely`: it nearly always means it. `possible`: it often means nothing. */
export type Certainty = 'certain' | 'likely' | 'possible';

/**
 * Thrown when a step refuses: it carries every reason at once, never the first alone.
 * The command line prints the findings and ends with exit code 1.
 */
export class Refusal extends Error {
  readonly findings: readonly Finding[];
  constructor(findings: readonly Finding[]) {
    super(findings.map((finding) => finding.what).join('; '));
    this.name = 'Refusal';
    this.findings = findings;
  }
}

/** Thrown for a mistake in what the user typed or named; the command line prints `message` and `next` and ends with exit code 2. */
export class UsageError extends Error {
  readonly next: string | undefined;
  constructor(message: string, next?: string) {
    super(message);
    this.name = 'UsageError';
    this.next = next;
  }
}

/** Thrown when the machine lacks something; `remedy` is the one command that mends it. The command line ends with exit code 3. */
export class MissingTool extends Error {
  readonly remedy: string;
  constructor(message: string, remedy: string) {
    super(message);
    this.name = 'MissingTool';
    this.remedy = remedy;
  }
}

/** One line per finding and one per sentence below it, without colour: the plain form that logs and tests use. */
export function formatFinding(finding: Finding): string {
  const at = finding.at;
  const place = at
    ? [
        at.unit ?? at.file,
        at.line,
        at.column,
        at.symbol,
        at.section && `${at.section}${at.offset === undefined ? '' : `+0x${at.offset.toString(16)}`}`,
      ]
        .filter((part) => part !== undefined)
        .join(':')
    : '';
  const lines = [`${finding.severity} ${finding.id}: ${place ? `${place}: ` : ''}${finding.what}`];
  if (finding.why) lines.push(`  why:  ${finding.why}`);
  if (finding.next) lines.push(`  next: ${finding.next}`);
  return lines.join('\n');
}
