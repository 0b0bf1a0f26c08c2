import type { KernelMessage } from './log/kmsg.ts';
import type { Ask } from './session.ts';
import type { Blocker } from './types.ts';

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

/** Tasks that block, in a sentence's words. */
export function blockerWords(tasks: readonly Blocker[]): string {
  const [first] = tasks;
  if (!first) return 'no task that could be found';
  const others = tasks.length > 1 ? ` and ${tasks.length - 1} more` : '';
  return `${first.name}:${first.tid} ${first.reason ?? `is in ${first.stack[0] ?? 'user space or running'}`}${others}`;
}

/** How long the kernel is given to say its reason: it tries to switch the tasks that are left about once a second. */
export const reasonMs = 2000;

/**
 * Names the tasks that keep a transition from its end, each with the kernel's reason: what is said of a task is said once, so the kernel,
 * whose debug messages must be on, is waited for, but no longer than `limitMs`.
 *
 * @param state the state that the transition leaves: `0` when it patches, `1` when it unpatches
 * @param end what to wait for, arguments of `wait`: the end of the transition
 * @param said what the kernel has said of this transition so far
 * @returns no tasks when it came to its end meanwhile; tasks without a reason where the kernel gave none
 */
export async function nameBlockers(
  ask: Ask,
  state: '0' | '1',
  end: readonly string[],
  said: () => Promise<readonly KernelMessage[]>,
  limitMs: number,
): Promise<{ readonly tasks: Blocker[]; readonly at: number }> {
  let begin: number | undefined;
  for (;;) {
    const reply = await ask('tasks', [state], { limit: 1 << 18 });
    begin ??= reply.start;
    const tasks = withReasons(readTasks(reply.output), await said());
    if (tasks.every(({ reason }) => reason !== undefined) || reply.end - begin >= limitMs / 1000)
      return { tasks, at: reply.end };
    const waited = await ask('wait', end, { timeoutMs: 100 });
    if (waited.status === 0) return { tasks: [], at: waited.end };
  }
}

/** A request that did not come back in its time: the tasks that it was carried out by, as they were when the time was over. */
export interface Hang {
  /** `insmod:131 is in msleep+0x2d/0x40, by way of init_module+0x10/0x1000 [livepatch_x]`. */
  readonly words: string;
  /** The stack of that task, innermost first; `undefined` where it has none: it runs, or is in user space. */
  readonly stack: string | undefined;
}

/** Asks the guest what hung in the last request. @param ask asks it, as {@link Session.ask} does */
export async function readHang(ask: Ask): Promise<Hang> {
  const { output } = await ask('tasks', ['late'], { limit: 1 << 16 });
  return hangOf(readTasks(output));
}

/** Says what tasks hang in. The first that waits for something else than a child of its own is the one. */
export function hangOf(tasks: readonly Blocker[]): Hang {
  const task = tasks.find(({ stack }) => !/^do_wait\b/.test(stack[0] ?? '')) ?? tasks[0];
  if (!task) return { words: 'no task of it is left', stack: undefined };
  const { name, tid, stack } = task;
  const [first] = stack;
  // On its way back to user space it was only looked at there.
  if (first === undefined || /^(?:syscall|irqentry)_exit_to_user_mode\b/.test(first))
    return { words: `${name}:${tid} runs, in the kernel or in user space`, stack: undefined };
  // Where the kernel was called from: the innermost function of a module, if the wait itself is the kernel's.
  const from = first.endsWith(']') ? undefined : stack.find((frame) => frame.endsWith(']'));
  return {
    words: `${name}:${tid} is in ${first}${from === undefined ? '' : `, by way of ${from}`}`,
    stack: stack.join(', '),
  };
}
