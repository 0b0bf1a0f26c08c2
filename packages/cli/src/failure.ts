import { type Finding, formatFinding, Refusal, UsageError } from '@klpkit/findings';
import type { Context } from './context.ts';
import { Exit, type ExitCode } from './exit.ts';

/** What went wrong, told apart by who has to act. */
export type FailureKind = 'usage' | 'environment' | 'input' | 'interrupted' | 'defect';

/** A failure that is no refusal: `message` says what, `next` what to do. */
export interface Failure {
  readonly kind: FailureKind;
  readonly message: string;
  readonly next?: string;
}

const codes = {
  usage: Exit.usage,
  environment: Exit.environment,
  input: Exit.findings,
  interrupted: Exit.interrupted,
  defect: Exit.defect,
} as const satisfies Record<FailureKind, ExitCode>;

/** Errors of the operating system that the user's machine has to mend. */
const systemErrors: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on that file system',
  EDQUOT: 'make room in your quota',
  ENOMEM: 'give this machine more memory, or run less at once',
  EROFS: 'choose a folder that can be written',
  EACCES: 'check the permissions',
  EPERM: 'check the permissions',
  EMFILE: 'raise the limit of open files (ulimit -n)',
};

/** Sorts an error that is no {@link Refusal}. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { kind: 'defect', message: String(error) };
  if (error instanceof UsageError)
    return { kind: 'usage', message: error.message, ...(error.next ? { next: error.next } : {}) };
  // The host's error for a missing program has this name and field without being of this class.
  if (error.name === 'MissingTool' && 'remedy' in error)
    return { kind: 'environment', message: error.message, next: String(error.remedy) };
  if (error.name === 'StoreError' && 'next' in error)
    return { kind: 'environment', message: error.message, next: String(error.next) };
  if (error.name === 'FormatError') return { kind: 'input', message: error.message };
  if (error.name === 'AbortError') return { kind: 'interrupted', message: 'interrupted' };
  // A program of the machine that fails where nobody expects it: its own words say most.
  if (error.name === 'CommandFailed' || error.name === 'FetchFailed')
    return { kind: 'environment', message: error.message };
  const next = 'code' in error ? systemErrors[String(error.code)] : undefined;
  if (next) return { kind: 'environment', message: error.message, next };
  return { kind: 'defect', message: `${error.name}: ${error.message}` };
}

/** Tells the user why the command ends, as text or as JSON, and gives the exit code. Only a defect under KLPKIT_DEBUG=1 shows a stack. */
export function reportFailure(context: Context, error: unknown): ExitCode {
  const { command } = context;
  if (error instanceof Refusal) {
    if (context.isJson) context.answer({ command, outcome: 'refused', findings: error.findings } as never);
    else sayRefusal(context, error.findings);
    return Exit.findings;
  }
  const failure = failureOf(error);
  if (context.isJson) context.answer({ command, outcome: 'failed', error: failure } as never);
  const { stderr } = context.process;
  const lead = context.paint('bad', `klpkit ${command}:`, stderr);
  if (failure.kind === 'defect') {
    context.complain(`${lead} this is a defect of klpkit: ${failure.message}`);
    if (context.env.KLPKIT_DEBUG && error instanceof Error) context.complain(error.stack ?? '');
    else context.complain('  next: report it with the output of the same command under KLPKIT_DEBUG=1');
  } else {
    context.complain(`${lead} ${failure.message}`);
    if (failure.next) context.complain(`  next: ${failure.next}`);
  }
  return codes[failure.kind];
}

function sayRefusal(context: Context, findings: readonly Finding[]): void {
  const { stderr } = context.process;
  for (const finding of findings) context.complain(findingText(context, finding));
  const errors = findings.filter((finding) => finding.severity === 'error').length;
  context.complain(
    context.paint('bad', `refused for ${errors === 1 ? '1 reason' : `${errors} reasons`}`, stderr),
  );
}

const roles = { error: 'bad', warning: 'warning', note: 'dim' } as const;

/** A finding in three lines at most, its severity and id in colour on a terminal. */
export function findingText(context: Context, finding: Finding, output = context.process.stderr): string {
  const text = formatFinding(finding);
  const head = `${finding.severity} ${finding.id}:`;
  return context.paint(roles[finding.severity], head, output) + text.slice(head.length);
}
