import { codeOf, type Machine, plain, readNames, readText } from './machine.ts';

/** A thread, with what its kernel stack shows. */
export interface Task {
  readonly pid: number;
  readonly tid: number;
  /** As the task calls itself, without control characters. */
  readonly name: string;
  /** Functions with offsets, innermost first: `kswapd+0x342/0x360`. Empty for one that runs or is in user space. */
  readonly stack: readonly string[];
  /** The function on its stack that the transition waits to be left; absent where none of those is seen. */
  readonly inside?: string;
}

/** The tasks that keep a transition from its end, as far as this user may see them. */
export interface BlockingTasks {
  readonly tasks: readonly Task[];
  /** False when `/proc/PID/patch_state` may not be read, which takes root. */
  readonly isReadable: boolean;
}

/**
 * Every thread whose `/proc/PID/task/TID/patch_state` is `state`. While a livepatch is being enabled the tasks that block it have 0,
 * while it is being disabled 1; all have -1 when there is no transition.
 *
 * @param isLeft whether a stack entry is of the code that has to be left
 */
export function readBlockingTasks(
  machine: Machine,
  state: 0 | 1,
  isLeft: (entry: string) => boolean = () => false,
): BlockingTasks {
  const tasks: Task[] = [];
  let isReadable = true;
  for (const pid of (readNames(machine, 'proc', 'folders') ?? []).filter((name) => /^\d+$/.test(name))) {
    for (const tid of readNames(machine, `proc/${pid}/task`, 'folders') ?? []) {
      const folder = `proc/${pid}/task/${tid}`;
      try {
        if (readText(machine, folder, 'patch_state') !== String(state)) continue;
        const stack = stackOf(readText(machine, folder, 'stack') ?? '');
        const inside = stack.find(isLeft);
        tasks.push({
          pid: Number(pid),
          tid: Number(tid),
          name: plain(readText(machine, folder, 'comm') ?? ''),
          stack,
          ...(inside === undefined ? {} : { inside: functionOf(inside) }),
        });
      } catch (error) {
        const code = codeOf(error);
        if (code !== 'EACCES' && code !== 'EPERM') throw error;
        isReadable = false;
      }
    }
  }
  tasks.sort((a, b) => a.pid - b.pid || a.tid - b.tid);
  return { tasks, isReadable };
}

/** The task of insmod that loads a module file. */
export function readLoadingTask(machine: Machine, path: string): Task | undefined {
  for (const pid of (readNames(machine, 'proc', 'folders') ?? []).filter((name) => /^\d+$/.test(name))) {
    const folder = `proc/${pid}`;
    const argv = (readText(machine, folder, 'cmdline') ?? '').split('\0').filter((word) => word !== '');
    // A shell that waits for it has more words.
    if (argv.at(-1) !== path || argv.length > 3) continue;
    const name = plain(readText(machine, folder, 'comm') ?? '');
    return {
      pid: Number(pid),
      tid: Number(pid),
      name,
      stack: stackOf(readText(machine, folder, 'stack') ?? ''),
    };
  }
  return undefined;
}

/** The lines of `/proc/PID/stack` without their addresses. */
function stackOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => plain(line.replace(/^\[<[0-9a-fx]+>\]\s*/, '').trim()))
    .filter((line) => line !== '')
    .slice(0, 64);
}

/** `kswapd` of `kswapd+0x342/0x360`. */
export function functionOf(entry: string): string {
  return entry.replace(/\+0x[0-9a-f]+\/0x[0-9a-f]+.*$/, '');
}

/** `kswapd0:44 in kswapd`, for one line. */
export function taskWords({ name, tid, stack, inside }: Task): string {
  if (inside !== undefined) return `${name}:${tid} in ${inside}`;
  const [top] = stack;
  return top === undefined
    ? `${name}:${tid}, which runs or is in user space`
    : `${name}:${tid}, which sleeps in ${functionOf(top)}`;
}
