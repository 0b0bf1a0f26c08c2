import type { Operation, Reply } from './guest/protocol.ts';
import { errnoName } from './log/errno.ts';
import { consoleMessages, type KernelMessage, lostRecords, readKmsg } from './log/kmsg.ts';
import { type ProofFinding, scanLog } from './log/scan.ts';
import type { Step } from './types.ts';
import { type RequestOptions, type Vm, VmDied } from './vm/vm.ts';

/** What a step's body says of itself; absent: done. */
export interface StepOutcome {
  readonly isOk: boolean;
  readonly outcome?: string;
}

/** Asks the guest, in the name of the step that is under way. */
export type Ask = (
  operation: Operation,
  args: readonly string[],
  options?: Omit<RequestOptions, 'label'>,
) => Promise<Reply>;

/** What becomes of a finding of the log, known how the step went; undefined: it is not told. */
export type Judge = (finding: ProofFinding, outcome: StepOutcome) => ProofFinding | undefined;

/** Records the steps of a livepatch's proof and what the kernel says in each. */
export interface Session {
  readonly ask: Ask;
  readonly findings: ProofFinding[];
  /** Steps of the pass under way; {@link Session.take} begins anew. */
  take(): Step[];
  /** Name of the step under way, or of the last. */
  readonly current: string;
  /** Messages of the last step. */
  readonly lastLog: readonly KernelMessage[];
  /** Tells of the step that is under way, before it is done. */
  say(words: string): void;
  /** What the kernel has said so far in the step that is under way. */
  peek(): Promise<readonly KernelMessage[]>;
  /** Seconds of the guest of the first and the last reply. */
  readonly span: { readonly start: number; readonly end: number };
  /**
   * Runs one step: the body, then the kernel's log since the step before, which is scanned. A VM that dies in it leaves a
   * failed step with what the console says, and {@link VmDied} goes on to the caller.
   */
  step(
    name: string,
    body: (ask: Ask) => Promise<StepOutcome | undefined>,
    isTargetLoad?: boolean,
    judge?: Judge,
  ): Promise<StepOutcome>;
  /** Adds a finding of the step under way. */
  find(finding: Omit<ProofFinding, 'step'>): void;
}

/** Text of a reply without the blanks at its end. */
export function replyText(reply: Reply): string {
  return new TextDecoder().decode(reply.output).trimEnd();
}

/** `EINVAL`, or empty when it went well. */
export function replyError(reply: Reply): string {
  return reply.status === 0 ? '' : errnoName(reply.status);
}

/** Begins the record of a livepatch's proof; `label` precedes the names of the steps in the transcript. */
export function startSession(vm: Vm, label: string, onStep: (name: string) => void): Session {
  const findings: ProofFinding[] = [];
  let steps: Step[] = [];
  let current = '';
  let lastLog: readonly KernelMessage[] = [];
  let peeked: KernelMessage[] = [];
  let first = Number.NaN;
  let last = 0;
  const ask: Ask = async (operation, args, options = {}) => {
    const reply = await vm.request(operation, args, {
      ...options,
      label: `${label}: ${current}: ${operation}`,
    });
    if (Number.isNaN(first)) first = reply.start;
    last = reply.end;
    return reply;
  };
  return {
    ask,
    findings,
    take() {
      const taken = steps;
      steps = [];
      return taken;
    },
    get current() {
      return current;
    },
    get lastLog() {
      return lastLog;
    },
    get span() {
      return { start: Number.isNaN(first) ? 0 : first, end: last };
    },
    find(finding) {
      const isKnown = findings.some(({ id, what }) => id === finding.id && what === finding.what);
      if (!isKnown) findings.push({ ...finding, step: current });
    },
    say(words) {
      onStep(`${current}: ${words}`);
    },
    async peek() {
      peeked.push(...readKmsg((await ask('log', [], { limit: 1 << 20 })).output));
      return peeked;
    },
    async step(name, body, isTargetLoad = false, judge = (finding) => finding) {
      current = name;
      peeked = [];
      onStep(name);
      const start = last;
      const add = (outcome: StepOutcome, log: readonly KernelMessage[]) => {
        lastLog = log;
        for (const found of scanLog(log, { step: name, isTargetLoad })) {
          const finding = judge(found, outcome);
          if (finding) this.find(finding);
        }
        steps.push({ name, ...outcome, start, seconds: Math.max(0, last - start), log });
      };
      try {
        const outcome = (await body(ask)) ?? { isOk: true };
        const log = [...(await this.peek())];
        const lost = lostRecords(log);
        add(outcome, log);
        if (lost > 0) {
          this.find({
            id: 'log-lost',
            severity: 'error',
            what: `${lost} messages of the kernel were overwritten before they could be read`,
            why: 'what they said is not known',
            next: 'see what floods the log, and give the kernel a larger one: log_buf_len=4M',
          });
        }
        return outcome;
      } catch (error) {
        if (error instanceof VmDied)
          add({ isOk: false, outcome: error.message }, [...peeked, ...consoleMessages(vm.console())]);
        throw error;
      }
    },
  };
}
