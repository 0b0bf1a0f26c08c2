import { setTimeout as sleep } from 'node:timers/promises';
import type { Finding } from '@klpkit/findings';
import { type Machine, readText } from './machine.ts';
import { type LiveTransition, livepatchFolder, readStatus } from './status.ts';
import { taskWords } from './tasks.ts';

/** How long is waited, and who is told meanwhile. */
export interface WatchOptions {
  /** Milliseconds for the transition. The kernel wakes and signals the tasks that remain after 15 s. */
  readonly limitMs: number;
  /** Told once a second, from the third on, who blocks. */
  readonly onBlocked?: (transition: LiveTransition) => void;
  readonly signal?: AbortSignal | undefined;
}

/** How a transition ended. */
export interface Watched {
  readonly isComplete: boolean;
  /** Wall milliseconds that it was watched. */
  readonly ms: number;
  /** Who blocked it when the time was up. */
  readonly transition?: LiveTransition;
}

/** A transition that took no longer is not worth a word. */
const quietMs = 3000;
const askMs = 1000;

/**
 * Waits until a livepatch is fully in force, or is gone from the kernel.
 *
 * @throws the signal's reason when aborted
 */
export async function watchTransition(
  machine: Machine,
  name: string,
  goal: 'patched' | 'gone',
  { limitMs, onBlocked, signal }: WatchOptions,
): Promise<Watched> {
  const begin = performance.now();
  let asked = begin + quietMs - askMs;
  for (let pause = 10; ; pause = Math.min(pause * 1.5, 200)) {
    const transition = readText(machine, livepatchFolder, name, 'transition');
    const now = performance.now();
    if (goal === 'patched' ? transition === '0' : transition === undefined)
      return { isComplete: true, ms: now - begin };
    // Gone although it was to be patched: somebody took it back.
    const isLost = goal === 'patched' && transition === undefined;
    if (isLost || now - begin > limitMs) {
      const found = readStatus(machine).transition;
      return {
        isComplete: false,
        ms: now - begin,
        ...(found?.livepatch === name ? { transition: found } : {}),
      };
    }
    if (onBlocked && now - asked > askMs) {
      const found = readStatus(machine).transition;
      if (found?.livepatch === name) onBlocked(found);
      asked = performance.now();
    }
    await sleep(pause, undefined, signal ? { signal } : {});
  }
}

/** What is said of a transition that did not end in its time. */
export function stalled(
  name: string,
  direction: 'patching' | 'unpatching',
  { ms, transition }: Watched,
): Finding {
  const tasks = transition?.tasks ?? [];
  const first = tasks.find(({ inside }) => inside !== undefined) ?? tasks[0];
  const others = tasks.length > 1 ? ` and ${tasks.length - 1} more` : '';
  const who = first
    ? `${taskWords(first)}${others}`
    : transition?.isReadable === false
      ? 'the tasks may be read by root only'
      : 'no task that could be found';
  return {
    id: 'stuck-transition',
    severity: 'error',
    what: `the ${direction} transition of ${name} did not end in ${Math.round(ms / 1000)} s: ${who}`,
    why: 'a task keeps it from its end until it leaves the functions that are being replaced, and it has not',
    next: first
      ? `let ${first.name} leave that function (stop it, or end what it waits for) and try again; do not force the transition`
      : 'try again with a longer time limit',
    evidence: tasks.slice(0, 16).map((task) => [taskWords(task), ...task.stack.slice(0, 12)].join('\n  ')),
  };
}
