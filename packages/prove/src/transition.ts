import type { KernelMessage } from './log/kmsg.ts';
import { replyError, replyText, type Session } from './session.ts';
import type { Blocker } from './types.ts';

/** Root of what the kernel shows of livepatches. */
export const livepatchFolder = '/sys/kernel/livepatch';

/** And after this long more they are told of: the kernel tries about once a second. */
const namingMs = 1200;

/** After this long a transition is watched with the kernel's debug messages on: they name the reasons. */
const quietMs = 3000;

/**
 * How long a transition is watched before it is called stuck: beyond the 15 s after which the kernel wakes and signals the
 * tasks that remain, and more for many functions, each of which costs about 0.13 s to undo under emulation.
 */
export function stallMs(functions: number): number {
  return 25_000 + functions * 500;
}

/** Time limit of one write or load that patches or unpatches so many functions. */
export function patchingMs(functions: number): number {
  return 30_000 + functions * 500;
}

/** Reads what the guest answers to `tasks`. */
export function readTasks(bytes: Uint8Array): Blocker[] {
  const tasks: Blocker[] = [];
  for (const record of new TextDecoder().decode(bytes).split('\0')) {
    const match = /^(\d+) (\d+) (.*)\n?([\s\S]*)$/.exec(record);
    if (!match) continue;
    const [, pid, tid, name = '', rest = ''] = match;
    const stack = rest
      .split('\n')
      .map((line) => line.replace(/^\[<[0-9a-fx]+>\]\s*/, '').trim())
      .filter((line) => line !== '');
    tasks.push({ pid: Number(pid), tid: Number(tid), name, stack });
  }
  return tasks;
}

/** Adds the reasons that the kernel's debug messages give: `klp_try_switch_task: kswapd0:44 is sleeping on function kswapd`. */
export function withReasons(tasks: readonly Blocker[], log: readonly KernelMessage[]): Blocker[] {
  const reasons = new Map<number, string>();
  for (const { text } of log) {
    const match = /klp_\w+: (.*):(\d+) ((?:is|has) .*)$/.exec(text);
    if (match) reasons.set(Number(match[2]), match[3] ?? '');
  }
  return tasks.map((task) => {
    const reason = reasons.get(task.tid);
    return reason === undefined ? task : { ...task, reason };
  });
}

/**
 * Watches a transition to its end. True when it is complete; else a finding names the tasks that block it, which are
 * added to `blockers`.
 */
export async function watchTransition(
  session: Session,
  module: string,
  direction: 'patching' | 'unpatching',
  functions: number,
  blockers: Blocker[],
): Promise<boolean> {
  const folder = `${livepatchFolder}/${module}`;
  // A disabled livepatch's folder goes away when its transition is complete.
  const args = direction === 'patching' ? [`${folder}/transition`, '0'] : [folder, ''];
  let tasks: Blocker[] = [];
  const control = '/proc/dynamic_debug/control';
  const debug = (onOff: '+p' | '-p') => session.ask('write', [control, `file kernel/livepatch/* ${onOff}`]);
  const { isOk, outcome } = await session.step(`transition ${direction}`, async (ask) => {
    const early = await ask('wait', args, { timeoutMs: quietMs });
    if (early.status === 0) return { isOk: true, outcome: 'complete' };
    if (replyError(early) !== 'ETIMEDOUT' && direction === 'patching')
      return { isOk: false, outcome: replyError(early) };
    await debug('+p');
    const find = async () => {
      const state = direction === 'patching' ? '0' : '1';
      return readTasks((await ask('tasks', [state], { limit: 1 << 18 })).output);
    };
    let late = await ask('wait', args, { timeoutMs: namingMs });
    if (late.status !== 0) {
      // Whoever waits is told soon; the verdict takes its time.
      const named = withReasons(await find(), await session.peek());
      if (named.length > 0) session.say(`${blockerWords(named)} keeps the transition from its end`);
      late = await ask('wait', args, { timeoutMs: stallMs(functions) - quietMs - namingMs });
    }
    if (late.status !== 0) tasks = await find();
    await debug('-p');
    if (late.status === 0) return { isOk: true, outcome: 'complete, slowly' };
    return { isOk: false, outcome: `stuck: ${replyText(late) || replyError(late)}` };
  });
  if (isOk) return true;
  if (outcome === 'ENOENT') {
    session.find({
      id: 'not-enabled',
      severity: 'error',
      what: `the module was loaded, but enabled no livepatch: there is no ${folder}`,
      next: 'call klp_enable_patch() in its init, and give the module the name that it was built with',
    });
    return false;
  }
  const named = withReasons(tasks, session.lastLog);
  blockers.push(...named);
  session.find({
    id: 'stuck-transition',
    severity: 'error',
    what: `the ${direction} transition is stuck after ${Math.round(stallMs(functions) / 1000)} s: ${blockerWords(named)}`,
    why: 'a task that never leaves a function that is being replaced keeps the transition from its end; in production it will too',
    next: 'patch a function that the task does not sleep in, or the functions that it calls; do not force the transition; klpkit explain KLP402 says more',
  });
  return false;
}

/** Tasks that block, in a sentence's words. */
export function blockerWords(tasks: readonly Blocker[]): string {
  const [first] = tasks;
  if (!first) return 'no task that could be found';
  const others = tasks.length > 1 ? ` and ${tasks.length - 1} more` : '';
  return `${first.name}:${first.tid} ${first.reason ?? `is in ${first.stack[0] ?? 'user space or running'}`}${others}`;
}
