import type { KernelMessage } from '../log/kmsg.ts';
import { replyError, replyText, type Session } from '../session.ts';
import { blockerWords, livepatchFolder, readTasks, withReasons } from '../transition.ts';
import type { Blocker } from '../types.ts';
import type { Stall } from './result.ts';

/** How a wait for the end of a transition went. */
export interface Settled {
  readonly isComplete: boolean;
  /** `complete`, or what is in the way. */
  readonly words: string;
  readonly tasks: readonly Blocker[];
}

/** After this long the tasks that block are named; the kernel has told of them once or twice by then. */
const namingMs = 1500;

/**
 * Waits until the transition of a livepatch is complete: `transition` is 0, or, when it is being disabled, its folder is gone. Tasks that
 * keep it from its end are named soon, told to `onStall`, and named again when the time is over.
 */
export async function settle(
  session: Session,
  module: string,
  seconds: number,
  onStall: (stall: Stall) => void,
): Promise<Settled> {
  const folder = `${livepatchFolder}/${module}`;
  const enabled = await session.ask('read', [`${folder}/enabled`]);
  // A folder that is gone is that of a livepatch that is disabled.
  if (replyError(enabled) === 'ENOENT') return { isComplete: true, words: 'complete', tasks: [] };
  const isEnabled = replyText(enabled) === '1';
  const args = isEnabled ? [`${folder}/transition`, '0'] : [folder, ''];
  const wanted = isEnabled ? '0' : '1';
  const limitMs = Math.max(1, Math.round(seconds * 1000));
  const early = await session.ask('wait', args, { timeoutMs: Math.min(namingMs, limitMs) });
  if (early.status === 0) return { isComplete: true, words: 'complete', tasks: [] };
  const find = async () => {
    const reply = await session.ask('tasks', [wanted], { limit: 1 << 18 });
    const log = await session.peek();
    return { tasks: withReasons(readTasks(reply.output), log), at: reply.end, log };
  };
  const first = await find();
  if (first.tasks.length > 0)
    onStall({
      livepatch: module,
      known: firstKnown(first.log) ?? early.start,
      named: first.at,
      tasks: first.tasks,
    });
  if (limitMs > namingMs) {
    const late = await session.ask('wait', args, { timeoutMs: limitMs - namingMs });
    if (late.status === 0) return { isComplete: true, words: 'complete, slowly', tasks: [] };
  }
  const { tasks } = await find();
  return { isComplete: false, words: blockerWords(tasks), tasks };
}

/** When the kernel first said in these messages that it could not switch a task. */
function firstKnown(log: readonly KernelMessage[]): number | undefined {
  return log.find(({ text }) => /^livepatch: klp_\w+: .*:\d+ (?:is|has) /.test(text))?.seconds;
}
