import { isExpected, writeExpectation } from '../expectation.ts';
import type { Reply } from '../guest/protocol.ts';
import { explainErrno, explainRefusal } from '../log/faults.ts';
import type { KernelMessage } from '../log/kmsg.ts';
import { replyError, replyText, type Session } from '../session.ts';
import type { Targets } from '../targets.ts';
import { blockerWords, readHang } from '../tasks.ts';
import { livepatchFolder, patchingMs } from '../transition.ts';
import type { Blocker } from '../types.ts';
import { plain } from '../vm/console.ts';
import { startScript, stopScript } from './background.ts';
import { type SettleContext, settle } from './transition.ts';
import type { ScenarioStep } from './types.ts';
import { excerpt, missingLine, shown, unwantedLine } from './words.ts';

/** How a step went, before what every step may ask for is looked at. */
export interface StepEnd {
  /** Empty, or the error that the kernel answered with. */
  readonly error: string;
  readonly outcome: string;
  /** Of a step that did not go as it was to, whatever the kernel answered. */
  readonly expected?: string;
  readonly found?: string;
}

/** What the steps of a scenario share. */
export interface StepContext extends SettleContext {
  /** Names of modules by alias, and their files in the VM. */
  readonly modules: ReadonlyMap<string, { readonly name: string; readonly path: string }>;
  readonly targets: Targets;
  readonly targetPath: (name: string) => string;
  /** What the kernel has said since the beginning or `mark-log`, up to the step before. */
  readonly marked: KernelMessage[];
  readonly backgrounds: Map<string, number>;
  /** Modules of the kernel that are loaded now. */
  readonly loaded: Set<string>;
}

/** Time limits in seconds of the guest where a step gives none. */
const limits = { transition: 30, command: 20, stop: 5, stall: 5, write: 30, unload: 30 } as const;

const done = (outcome = 'done'): StepEnd => ({ error: '', outcome });
const failed = (expected: string, found: string): StepEnd => ({
  error: '',
  outcome: 'not as expected',
  expected,
  found,
});

/** Takes one step. Throws only what the session throws: a VM that died, an abort. */
export async function takeStep(context: StepContext, step: ScenarioStep): Promise<StepEnd> {
  const { session, modules } = context;
  const module = modules.get(step.subject);
  const name = module?.name ?? step.subject;
  const folder = `${livepatchFolder}/${name}`;
  switch (step.action) {
    case 'load':
    case 'replace':
    case 'insmod': {
      const end = await load(context, module?.path ?? '', step.params);
      if (end.error !== '' || end.expected !== undefined || step.action === 'insmod') return end;
      const patched = await complete(context, step, name, end);
      return patched.expected === undefined && step.action === 'replace'
        ? alone(context, name, patched)
        : patched;
    }
    case 'disable':
      return written(context, step, name, `${folder}/enabled`, '0');
    case 'enable':
      return written(context, step, name, `${folder}/enabled`, '1');
    case 'force':
      return written(context, step, name, `${folder}/force`, '1');
    case 'reverse': {
      const enabled = await session.ask('read', [`${folder}/enabled`]);
      if (enabled.status !== 0) return { error: replyError(enabled), outcome: replyError(enabled) };
      return written(context, step, name, `${folder}/enabled`, replyText(enabled) === '1' ? '0' : '1');
    }
    case 'unload':
      return unload(session, name, step.fails !== undefined);
    case 'modprobe':
      return modprobe(context, name, step.params);
    case 'rmmod': {
      const end = await unload(session, name, true);
      if (end.error === '') context.loaded.delete(name);
      return end;
    }
    case 'run':
      return runCommand(session, step);
    case 'background': {
      const of = step.name ?? '';
      const reply = await session.ask('run', [startScript(of, step.subject, step.times)], {
        timeoutMs: 20_000,
      });
      if (reply.status !== 0 || reply.isTimedOut) return failed('the command starts', outputOf(reply));
      context.backgrounds.set(of, step.times);
      return done(step.times > 1 ? `${step.times} of them run` : 'runs');
    }
    case 'stop': {
      const times = context.backgrounds.get(step.subject);
      if (times === undefined) return done('was not started');
      const script = stopScript(step.subject, times, step.seconds ?? limits.stop);
      context.backgrounds.delete(step.subject);
      const reply = await session.ask('run', [script], { timeoutMs: 60_000 });
      return reply.status === 0 && !reply.isTimedOut
        ? done('ended')
        : failed(`${step.subject} still runs and can be ended`, outputOf(reply));
    }
    case 'write':
      for (const { path, expected } of step.values) {
        const timeoutMs = limits.write * 1000;
        const reply = await session.ask('write', [filePath(context, path), String(expected)], { timeoutMs });
        if (reply.isTimedOut) return hangs(session, `the write to ${path} returns`, timeoutMs);
        if (reply.status !== 0) return { error: replyError(reply), outcome: `${path}: ${replyError(reply)}` };
      }
      return done();
    case 'sleep':
      await session.ask('wait', ['/proc/self/none', '0'], {
        timeoutMs: Math.round((step.seconds ?? 0) * 1000),
      });
      return done();
    case 'wait-transition':
      return complete(context, step, name, done());
    case 'expect-stall':
      return expectStall(context, step, name);
    case 'expect-sysfs':
      return expectValues(context, step);
    case 'expect-log':
      return expectLog(context, step);
    case 'expect-no-log': {
      const message = unwantedLine([...context.marked, ...(await session.peek())], step.expect);
      return message
        ? failed(`no line ${step.expect.map(shown).join(', ')}`, shown(message.text))
        : done('none');
    }
    case 'mark-log':
      context.marked.length = 0;
      return done();
    case 'repeat':
      return done();
  }
}

function outputOf(reply: Reply): string {
  const text = excerpt(plain(new TextDecoder().decode(reply.output)));
  if (reply.isTimedOut) return `the time limit passed; its output: ${text}`;
  return reply.status === 0 ? text : `exit code ${reply.status}, output ${text}`;
}

/** Of a step that did not come back within its limit: which task it is, and where the kernel has it. */
async function hangs(session: Session, expected: string, timeoutMs: number): Promise<StepEnd> {
  const { words, stack } = await readHang(session.ask);
  return {
    ...{ error: '', outcome: 'hangs', expected: `${expected} within ${timeoutMs / 1000} s` },
    found: `it does not: ${words}${stack === undefined ? '' : `\nits stack: ${stack}`}`,
  };
}

async function load({ session }: StepContext, path: string, params = ''): Promise<StepEnd> {
  const timeoutMs = patchingMs(40);
  const reply = await session.ask('load', [path, params], { timeoutMs });
  if (reply.isTimedOut) return hangs(session, 'loading returns', timeoutMs);
  const error = replyError(reply);
  return { error, outcome: error || 'loaded' };
}

/** Follows a transition to its end, unless the step does not want that. */
async function complete(
  context: StepContext,
  step: ScenarioStep,
  name: string,
  end: StepEnd,
): Promise<StepEnd> {
  if (!step.waits || end.error !== '' || end.expected !== undefined) return end;
  const seconds = step.seconds ?? limits.transition;
  const { isComplete, words } = await settle(context, name, seconds);
  if (isComplete) return { ...end, outcome: words };
  return failed(
    `the transition of ${name} is complete within ${seconds} s`,
    `${words} keeps it from its end`,
  );
}

async function written(
  context: StepContext,
  step: ScenarioStep,
  name: string,
  path: string,
  value: string,
): Promise<StepEnd> {
  const timeoutMs = patchingMs(40);
  const reply = await context.session.ask('write', [path, value], { timeoutMs });
  if (reply.isTimedOut) return hangs(context.session, 'the write returns', timeoutMs);
  const error = replyError(reply);
  return complete(context, step, name, { error, outcome: error || 'done' });
}

/** After an atomic replace the other livepatches are gone, a moment later. */
async function alone({ session, modules }: StepContext, name: string, end: StepEnd): Promise<StepEnd> {
  for (const other of new Set([...modules.values()].map((one) => one.name))) {
    if (other === name) continue;
    const reply = await session.ask('wait', [`${livepatchFolder}/${other}`, ''], { timeoutMs: 5000 });
    if (reply.status !== 0) return failed(`${name} replaces ${other}`, `${other} is still there`);
  }
  return end;
}

/** The last reference is dropped by a work item, a moment after the livepatch's folder is gone. */
async function unload(session: Session, name: string, isAtOnce: boolean): Promise<StepEnd> {
  for (let attempt = 0; ; attempt++) {
    const timeoutMs = limits.unload * 1000;
    const reply = await session.ask('unload', [name], { timeoutMs });
    if (reply.isTimedOut) return hangs(session, 'unloading returns', timeoutMs);
    const error = replyError(reply);
    if (error !== 'EAGAIN' || isAtOnce || attempt >= 50) return { error, outcome: error || 'unloaded' };
    await session.ask('wait', ['/proc/self/none', '0'], { timeoutMs: 20 });
  }
}

async function modprobe(context: StepContext, name: string, params = ''): Promise<StepEnd> {
  const { targets, targetPath, loaded } = context;
  if (!targets.modules.has(name))
    return { error: 'ENOENT', outcome: `ENOENT: the kernel has no module ${name}` };
  for (const module of targets.order(name)) {
    if (loaded.has(module)) continue;
    const end = await load(context, targetPath(module), module === name ? params : '');
    // It is there although nobody asked for it: a scenario before this one, or the kernel itself.
    if (end.error === 'EEXIST' && module !== name) continue;
    if (end.error !== '' && targets.soft.has(module) && module !== name) continue;
    if (end.error !== '' || end.expected !== undefined)
      return module === name ? end : { ...end, outcome: `${module}: ${end.outcome}` };
    loaded.add(module);
  }
  return done('loaded');
}

async function runCommand(session: Session, step: ScenarioStep): Promise<StepEnd> {
  const seconds = step.seconds ?? limits.command;
  const reply = await session.ask('run', [step.subject], {
    timeoutMs: Math.max(1, Math.round(seconds * 1000)),
  });
  if (reply.isTimedOut) {
    const { words } = await readHang(session.ask);
    const stuck = reply.isStuck ? ', and cannot be killed' : '';
    const text = excerpt(plain(new TextDecoder().decode(reply.output)));
    return failed(
      `the command ends within ${seconds} s`,
      `it does not: ${words}${stuck}; its output: ${text}`,
    );
  }
  const code = step.exit ?? 0;
  if (reply.isSignalled || reply.status !== code) {
    const hint = reply.status === 127 ? ' (the VM has the commands of busybox)' : '';
    const how = reply.isSignalled
      ? `signal ${reply.status}, output ${excerpt(replyText(reply))}`
      : outputOf(reply);
    return failed(
      `exit code ${code}`,
      `${reply.status === 0 && code !== 0 ? `exit code 0, output ${how}` : how}${hint}`,
    );
  }
  const text = plain(new TextDecoder().decode(reply.output));
  const missing = step.expect.find((expectation) => !isExpected(text, expectation));
  if (missing !== undefined) return failed(`the output has ${shown(missing)}`, excerpt(text));
  const unwanted = step.expectNot.find((expectation) => isExpected(text, expectation));
  if (unwanted !== undefined) return failed(`the output has no ${shown(unwanted)}`, excerpt(text));
  return done(step.expect.length > 0 ? excerpt(text).slice(0, 60) : `exit code ${code}`);
}

async function expectStall(context: StepContext, step: ScenarioStep, name: string): Promise<StepEnd> {
  const seconds = step.seconds ?? limits.stall;
  const isWanted = (task: Blocker) =>
    (step.task === undefined || isExpected(task.name, step.task)) &&
    (step.function === undefined || functionsOf(task).some((one) => isExpected(one, step.function ?? '')));
  const who = [
    step.task === undefined ? 'a task' : `the task ${shown(step.task)}`,
    ...(step.function === undefined ? [] : [`in ${shown(step.function)}`]),
  ].join(' ');
  const { isComplete, tasks } = await settle(context, name, seconds);
  const expected = `${who} keeps the transition of ${name} from its end for ${seconds} s`;
  if (isComplete) return failed(expected, 'the transition is complete');
  const task = tasks.find(isWanted);
  return task ? done(blockerWords([task])) : failed(expected, blockerWords(tasks));
}

/** Functions of a task's stack, and the one that the kernel names. */
function functionsOf({ stack, reason = '' }: Blocker): string[] {
  const named = /on function (\S+)$/.exec(reason)?.[1];
  return [...(named ? [named] : []), ...stack.map((frame) => frame.replace(/\+0x.*$/, ''))];
}

/** A path as the scenario writes it: below the livepatches, with aliases for modules, unless it begins with `/`. */
function filePath({ modules }: StepContext, path: string): string {
  if (path.startsWith('/')) return path;
  const [first = '', ...rest] = path.split('/');
  return [livepatchFolder, modules.get(first)?.name ?? first, ...rest].join('/');
}

async function expectValues(context: StepContext, step: ScenarioStep): Promise<StepEnd> {
  const { session } = context;
  const deadline = step.seconds ?? 0;
  let begin: number | undefined;
  for (;;) {
    let wrong: StepEnd | undefined;
    let now = 0;
    for (const { path, expected } of step.values) {
      const reply = await session.ask('read', [filePath(context, path)]);
      begin ??= reply.start;
      now = reply.end;
      const error = replyError(reply);
      const isAbsent = error === 'ENOENT' || error === 'ENODEV';
      const text = plain(replyText(reply));
      if (expected === undefined ? isAbsent : error === '' && isExpected(text, expected)) continue;
      const found =
        error === ''
          ? excerpt(text)
          : isAbsent
            ? 'there is no such file'
            : expected === undefined
              ? 'it is there'
              : error;
      const words =
        expected === undefined
          ? 'is not there'
          : `holds ${typeof expected === 'string' ? shown(expected) : writeExpectation(expected)}`;
      wrong = failed(`${path} ${words}`, found);
      break;
    }
    if (!wrong) return done('as expected');
    if (now - (begin ?? now) >= deadline) return wrong;
    await session.ask('wait', ['/proc/self/none', '0'], { timeoutMs: 50 });
  }
}

async function expectLog(context: StepContext, step: ScenarioStep): Promise<StepEnd> {
  const { session, marked } = context;
  const seconds = step.seconds ?? 0;
  for (let waited = 0; ; waited += 0.1) {
    const missing = missingLine([...marked, ...(await session.peek())], step.expect);
    if (missing === undefined) return done('there');
    if (waited >= seconds) {
      const isThere = missingLine([...marked, ...(await session.peek())], [missing]) === undefined;
      return failed(
        `the log has ${shown(missing)}${step.expect.length > 1 ? ' in its turn' : ''}`,
        isThere ? 'it has it, but not in its turn' : 'it has not',
      );
    }
    await session.ask('wait', ['/proc/self/none', '0'], { timeoutMs: 100 });
  }
}

/** Why the kernel may have answered a step with an error, where its log does not say. */
export function errorWords({ action }: ScenarioStep, error: string): string {
  const fault =
    action === 'load' || action === 'replace'
      ? explainErrno(error)
      : action === 'force'
        ? explainRefusal('force', error)
        : action === 'unload'
          ? explainRefusal('unload', error)
          : ['disable', 'enable', 'reverse'].includes(action)
            ? explainRefusal('enabled', error)
            : undefined;
  return fault ? `${error}: ${fault.what}${fault.pitfall ? ` (${fault.pitfall})` : ''}` : error;
}
