import type { KernelMessage } from '../log/kmsg.ts';
import { expectedTaint, newTaints, stagingTaint } from '../log/scan.ts';
import { type Judge, replyText, type Session, startSession } from '../session.ts';
import type { Targets } from '../targets.ts';
import { blockerWords } from '../tasks.ts';
import { readStateChanges, type StateChange, type Timeline, timelines } from '../timeline/timeline.ts';
import type { Blocker } from '../types.ts';
import { type Vm, VmDied } from '../vm/vm.ts';
import type { ScenarioResult, ScenarioStepResult, Stall } from './result.ts';
import { errorWords, type StepContext, takeStep } from './steps.ts';
import type { Scenario, ScenarioStep } from './types.ts';
import { missingLine, shown, stepTitle, unwantedLine } from './words.ts';

/** What is followed. */
export interface Course {
  readonly scenario: Scenario;
  readonly modules: StepContext['modules'];
  readonly targets: Targets;
  readonly targetPath: (name: string) => string;
}

/** What following the steps gave. */
export type Followed = Pick<ScenarioResult, 'steps' | 'findings' | 'stalls' | 'timelines' | 'died'>;

/** Milliseconds between two looks at the states of all tasks; each costs about 5 under emulation. */
const sampleMs = '20';
/** Most timelines that are kept; `repeat` makes many that are alike. */
const mostTimelines = 24;

/** Takes the steps of a scenario in a VM that is ready. Throws only for an abort. */
export async function followSteps(
  vm: Vm,
  course: Course,
  onStep: (label: string) => void,
): Promise<Followed> {
  return new Follower(vm, course, onStep).follow();
}

class Follower {
  private readonly course: Course;
  private readonly session: Session;
  private readonly context: StepContext;
  private readonly results: ScenarioStepResult[] = [];
  private readonly stalls: Stall[] = [];
  private readonly times: Timeline[] = [];
  private messages: KernelMessage[] = [];
  private changes: StateChange[] = [];
  private hasFailed = false;
  private died: Followed['died'];

  constructor(vm: Vm, course: Course, onStep: (label: string) => void) {
    this.course = course;
    this.session = startSession(vm, course.scenario.name, onStep);
    this.context = {
      ...course,
      session: this.session,
      marked: [],
      backgrounds: new Map(),
      loaded: new Set(),
      messages: () => this.messages,
      onStall: (stall) => this.stalled(stall),
    };
  }

  async follow(): Promise<Followed> {
    try {
      const before = await this.taint();
      await this.session.ask('write', ['/proc/dynamic_debug/control', 'file kernel/livepatch/* +p']);
      await this.session.ask('watch', [sampleMs]);
      await this.steps(this.course.scenario.steps, '');
      this.judgeTaint(before, await this.taint());
    } catch (error) {
      if (!(error instanceof VmDied)) throw error;
      this.died = { step: this.session.current, how: error.death, message: error.message };
      this.hasFailed = true;
      // Not even `always` can be taken now.
      await this.steps(this.course.scenario.steps, '');
      this.session.find({
        id: 'vm-died',
        severity: 'error',
        what: `the VM died in the step "${this.session.current}": ${error.message}`,
        next: 'the console in the transcript shows the last that the kernel said',
      });
    }
    this.closeTimelines();
    const findings = this.session.findings;
    return {
      steps: this.results,
      findings,
      stalls: this.stalls,
      timelines: this.times,
      ...(this.died && { died: this.died }),
    };
  }

  private async taint(): Promise<number> {
    return Number(replyText(await this.session.ask('read', ['/proc/sys/kernel/tainted']))) || 0;
  }

  private judgeTaint(before: number, after: number): void {
    const { scenario, targets } = this.course;
    const isStaging = [...targets.modules.values()].some((module) => module.isStaging);
    const taints = newTaints(before, after, expectedTaint | (isStaging ? stagingTaint : 0));
    if (taints.length === 0 || scenario.allows.includes('taint')) return;
    this.session.find({
      id: 'taint',
      severity: 'error',
      what: `the kernel is tainted anew: ${taints.join(', ')}`,
      why: 'modules that are built out of tree and not signed add O, E and K, and nothing else',
      next: 'the log of the steps says when',
    });
  }

  private async steps(steps: readonly ScenarioStep[], before: string): Promise<void> {
    for (const [i, step] of steps.entries()) {
      const number = `${before}${i + 1}`;
      // What was taken before the VM died has its result.
      if (this.died && this.results.some((result) => result.number === number)) continue;
      if (this.died || (this.hasFailed && !step.always)) this.skip(step, number);
      else if (step.action === 'repeat') await this.repeat(step, number);
      else await this.take(step, number);
    }
  }

  private skip(step: ScenarioStep, number: string): void {
    this.results.push({
      ...{ number, action: step.action, title: stepTitle(step), line: step.line, status: 'skipped' },
      ...{ start: this.session.span.end, seconds: 0, log: [] },
    });
  }

  /** Of rounds that pass only the last is kept, and in a line of its own how many there were. */
  private async repeat(step: ScenarioStep, number: string): Promise<void> {
    const { action, line, times } = step;
    const begin = this.results.length;
    const start = this.session.span.end;
    const failedBefore = this.hasFailed;
    let round = 0;
    let isOk = false;
    try {
      do {
        this.results.length = begin;
        round++;
        await this.steps(step.steps, `${number}.`);
        isOk = !this.hasFailed || failedBefore;
      } while (round < times && isOk);
    } finally {
      const rounds = this.results.splice(begin).map((result) => ({ ...result, round }));
      this.results.push({
        ...{ number, action, title: stepTitle(step), line, status: isOk ? 'passed' : 'failed' },
        outcome: isOk ? `${times} rounds` : `round ${round} of ${times} failed`,
        ...{ start, seconds: this.session.span.end - start, log: [] },
      });
      this.results.push(...rounds);
    }
  }

  private async take(step: ScenarioStep, number: string): Promise<void> {
    const title = stepTitle(step);
    const start = this.session.span.end;
    const head = { number, action: step.action, title, line: step.line };
    const label = `${number} ${title}`;
    let expected: string | undefined;
    let found: string | undefined;
    let faults = 0;
    const allowed = new Set([...this.course.scenario.allows, ...step.allows]);
    // What the kernel says of a failure that is wanted explains it.
    const judge: Judge = (finding, { isOk }) => {
      if (finding.severity !== 'error' || allowed.has(finding.id))
        return finding.severity === 'error' ? undefined : finding;
      if (step.fails !== undefined && isOk) return { ...finding, severity: 'note' };
      faults++;
      return finding;
    };
    try {
      const { isOk, outcome } = await this.session.step(
        label,
        async () => {
          const end = await takeStep(this.context, step);
          [expected, found] = [end.expected, end.found];
          if (expected === undefined && end.error !== (step.fails ?? '')) {
            expected = step.fails === undefined ? 'no error' : `the error ${step.fails}`;
            const words = end.outcome === end.error ? errorWords(step, end.error) : end.outcome;
            found = end.error === '' ? `no error (${end.outcome})` : words;
          }
          if (expected === undefined) [expected, found] = this.judgeLog(step, await this.session.peek());
          return { isOk: expected === undefined, outcome: end.outcome };
        },
        step.action === 'modprobe',
        judge,
      );
      const log = this.session.lastLog;
      if (isOk && faults > 0) {
        expected = 'nothing wrong in the log of the kernel';
        found = this.session.findings.findLast(({ severity }) => severity === 'error')?.what ?? '';
      }
      this.end(head, start, log, outcome, expected, found);
      await this.watch();
    } catch (error) {
      if (error instanceof VmDied)
        this.end(head, start, this.session.lastLog, 'the VM died', 'the VM lives on', error.message);
      throw error;
    }
  }

  /** What the step's own log must have and must not have. */
  private judgeLog(step: ScenarioStep, log: readonly KernelMessage[]): [string?, string?] {
    const missing = missingLine(log, step.log);
    if (missing !== undefined)
      return [`the log of this step has ${shown(missing)}`, 'it has not, or not in its turn'];
    const message = unwantedLine(log, step.noLog);
    return message
      ? [`the log of this step has no ${step.noLog.map(shown).join(', ')}`, shown(message.text)]
      : [];
  }

  private end(
    head: Pick<ScenarioStepResult, 'number' | 'action' | 'title' | 'line'>,
    start: number,
    log: readonly KernelMessage[],
    outcome: string | undefined,
    expected: string | undefined,
    found: string | undefined,
  ): void {
    if (expected !== undefined) this.hasFailed = true;
    this.context.marked.push(...log);
    this.messages.push(...log);
    this.results.push({
      ...head,
      status: expected === undefined ? 'passed' : 'failed',
      ...(outcome === undefined ? {} : { outcome }),
      ...(expected === undefined ? {} : { expected, found: found ?? '' }),
      ...{ start, seconds: Math.max(0, this.session.span.end - start), log },
    });
  }

  private stalled(stall: Stall): void {
    this.stalls.push(stall);
    this.session.say(`${blockerWords(stall.tasks)} keeps the transition from its end`);
  }

  /** Fetches what the sampler saw; closes timelines from time to time, so that long runs stay small. */
  private async watch(): Promise<void> {
    const { output } = await this.session.ask('watch', ['take'], { limit: 1 << 20 });
    this.changes.push(...readStateChanges(output));
    const isBetween = this.messages.findLast(({ text }) => /^livepatch: '/.test(text));
    if (this.messages.length > 2000 && isBetween && / complete$/.test(isBetween.text)) this.closeTimelines();
  }

  private closeTimelines(): void {
    const named: Blocker[] = this.stalls.flatMap(({ tasks }) => tasks);
    for (const timeline of timelines(this.messages, this.changes, named))
      if (this.times.length < mostTimelines) this.times.push(timeline);
    this.messages = [];
    this.changes = [];
  }
}
