import { type Finding, Refusal, UsageError } from '@klpkit/findings';
import type { ChangeOptions, LiveLivepatch, LiveTransition, LoadFailed } from '@klpkit/live';
import type { Context } from './context.ts';

/** Flags of the commands that change what is in force. */
export interface ChangeFlags {
  readonly json: boolean;
  readonly timeLimit: number;
  readonly reverse: boolean;
}

/** Their descriptions. */
export const changeFlags = {
  timeLimit: {
    kind: 'parsed',
    parse: parseSeconds,
    brief: 'Seconds until a transition counts as stalled',
    placeholder: 'SECONDS',
    default: '60',
  },
  reverse: {
    kind: 'boolean',
    brief: 'Take a stalled transition back; else it goes on',
    default: true,
  },
} as const;

/** Which livepatch is meant, by its name. */
export const livepatchNamed = {
  kind: 'tuple',
  parameters: [{ brief: 'The livepatch, as klpkit status calls it', parse: String, placeholder: 'NAME' }],
} as const;

function parseSeconds(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new UsageError(`${text} is no number of seconds above 0`);
  return Number(text);
}

/** What the room that changes things is given, with progress on who blocks. */
export function changeOptions(context: Context, { timeLimit, reverse }: ChangeFlags): ChangeOptions {
  let step = '';
  return {
    limitMs: timeLimit * 1000,
    reverses: reverse,
    signal: context.signal,
    onStep(label) {
      step = label;
      context.progress.report({ label });
    },
    onBlocked(transition) {
      context.progress.report({ label: `${step}, ${blockedWords(transition)}` });
    },
  };
}

/** Who blocks, in a few words. */
export function blockedWords({ tasks, isReadable }: LiveTransition): string {
  const [first] = tasks;
  if (!first) return isReadable ? 'no task is left' : 'tasks are shown to root only';
  const where = first.inside ?? first.stack[0]?.replace(/\+0x.*/, '') ?? 'user space';
  return `${tasks.length === 1 ? '1 task' : `${tasks.length} tasks`} left: ${first.name}:${first.tid} in ${where}`;
}

/** The objects of a livepatch and how many functions each: `vmlinux 2, ext4 1 (not loaded)`. */
export function objectWords({ objects }: LiveLivepatch): string {
  return objects
    .map(({ name, functions, isLoaded }) => `${name} ${functions.length}${isLoaded ? '' : ' (not loaded)'}`)
    .join(', ');
}

/** Why the kernel did not take a livepatch, out of its log and its errno. */
export async function loadRefusal(error: LoadFailed): Promise<Refusal> {
  const { explainErrno, explainLine } = await import('@klpkit/prove');
  const findings = new Map<string, Finding>();
  for (const line of error.log) {
    const fault = explainLine(line);
    if (fault && fault.severity !== 'note') findings.set(fault.what, { ...fault, evidence: [line] });
  }
  if (![...findings.values()].some(({ severity }) => severity === 'error')) {
    const fault = explainErrno(error.errno);
    findings.set('', {
      id: fault?.id ?? 'load-failed',
      severity: 'error',
      what: `${fault?.what ?? 'the kernel refused the livepatch'}${error.errno === 'unknown' ? '' : ` (${error.errno})`}: ${error.message.split('\n')[0]}`,
      ...(fault?.why === undefined ? {} : { why: fault.why }),
      next: fault?.next ?? "the errno may be the module's own: see its init and its callbacks, and dmesg",
    });
  }
  return new Refusal([...findings.values()]);
}
