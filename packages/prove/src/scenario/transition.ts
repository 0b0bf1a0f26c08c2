import type { KernelMessage } from '../log/kmsg.ts';
import { replyError, replyText, type Session } from '../session.ts';
import { blockerWords, nameBlockers, reasonMs } from '../tasks.ts';
import { livepatchFolder } from '../transition.ts';
import type { Blocker } from '../types.ts';
import type { Stall } from './result.ts';

/** How a wait for the end of a transition went. */
export interface Settled {
  readonly isComplete: boolean;
  /** `complete`, or what is in the way. */
  readonly words: string;
  readonly tasks: readonly Blocker[];
}

/** What {@link settle} needs of the scenario that it is a part of. */
export interface SettleContext {
  readonly session: Session;
  /** What the kernel said in the steps before: the transition may have begun in one of them. */
  readonly messages: () => readonly KernelMessage[];
  readonly onStall: (stall: Stall) => void;
}

/** After this long the tasks that block are named. */
const namingMs = 1500;

/**
 * Waits until the transition of a livepatch is complete: `transition` is 0, or, when it is being disabled, its folder is gone. Tasks that
 * keep it from its end are named soon, told to `onStall`, and named again when the time is over.
 */
export async function settle(
  { session, messages, onStall }: SettleContext,
  module: string,
  seconds: number,
): Promise<Settled> {
  const folder = `${livepatchFolder}/${module}`;
  const enabled = await session.ask('read', [`${folder}/enabled`]);
  const complete = (words: string): Settled => ({ isComplete: true, words, tasks: [] });
  // A folder that is gone is that of a livepatch that is disabled.
  if (replyError(enabled) === 'ENOENT') return complete('complete');
  const isEnabled = replyText(enabled) === '1';
  const end = isEnabled ? [`${folder}/transition`, '0'] : [folder, ''];
  const limitMs = Math.max(1, Math.round(seconds * 1000));
  const early = await session.ask('wait', end, { timeoutMs: Math.min(namingMs, limitMs) });
  if (early.status === 0) return complete('complete');
  const said = async () => ofTransition([...messages(), ...(await session.peek())]);
  const name = (withinMs: number) => nameBlockers(session.ask, isEnabled ? '0' : '1', end, said, withinMs);
  // What is said of a task is said once, with its reason, as long as the limit allows.
  const { tasks: first, at } = await name(Math.max(0, Math.min(reasonMs, limitMs - namingMs)));
  if (first.length > 0)
    onStall({
      livepatch: module,
      known:
        (await said()).find(({ text }) => /^livepatch: klp_\w+: .*:\d+ (?:is|has) /.test(text))?.seconds ??
        early.start,
      named: at,
      tasks: first,
    });
  const left = limitMs - (at - early.start) * 1000;
  const late = await session.ask('wait', end, { timeoutMs: Math.max(1, Math.round(left)) });
  if (late.status === 0) return complete(first.length > 0 ? 'complete, slowly' : 'complete');
  const { tasks } = await name(0);
  return { isComplete: false, words: blockerWords(tasks), tasks };
}

/** The messages since the last transition began, or was turned round. */
function ofTransition(messages: readonly KernelMessage[]): readonly KernelMessage[] {
  const from = messages.findLastIndex(({ text }) => /^livepatch: '.*': (?:starting|reversing) /.test(text));
  return messages.slice(Math.max(0, from));
}
