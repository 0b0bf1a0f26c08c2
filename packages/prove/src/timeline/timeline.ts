import type { KernelMessage } from '../log/kmsg.ts';
import type { Blocker } from '../types.ts';

/** A task's state as the guest's init saw it change. @see guest/init.c, OP_WATCH */
export interface StateChange {
  /** Seconds since boot. */
  readonly seconds: number;
  readonly pid: number;
  /** 0: no transition was under way any more. */
  readonly tid: number;
  /** 0 unpatched, 1 patched, -1 gone. */
  readonly state: number;
  readonly name: string;
}

/** A task that did not switch at once. Times are seconds since the transition's start. */
export interface TimelineTask {
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
  /** When it was first seen in the state that the transition leads to. */
  readonly switched?: number;
  /** When it was first seen to be gone. */
  readonly ended?: number;
  /** What the kernel said of it, each time that it tried to switch it: `is sleeping on function kswapd`. */
  readonly reasons: readonly { readonly at: number; readonly text: string }[];
  /** Its stack when it was named, innermost first. */
  readonly stack?: readonly string[];
}

/** One transition: which task switched when, and what kept others from it. */
export interface Timeline {
  readonly livepatch: string;
  readonly direction: 'patching' | 'unpatching';
  /** `open`: it had not ended when it was last looked at. */
  readonly outcome: 'complete' | 'forced' | 'reversed' | 'open';
  /** Seconds since boot by the guest's clock. */
  readonly start: number;
  /** Seconds that it took, or had taken when it was last looked at. */
  readonly seconds: number;
  /**
   * Tasks that switched in the kernel's first pass over all of them, as far as samples show it, and when the pass was seen to be over.
   * Absent where the transition was over before it was looked at.
   */
  readonly firstPass?: { readonly tasks: number; readonly seconds: number };
  /** All others, the last to switch first. */
  readonly tasks: readonly TimelineTask[];
}

/** Reads what the guest answers to `watch`; lines that are none are left out. */
export function readStateChanges(bytes: Uint8Array): StateChange[] {
  return new TextDecoder()
    .decode(bytes)
    .split('\n')
    .flatMap((line) => {
      const [, ns, pid, tid, state, name = ''] = /^(\d+) (\d+) (\d+) (-?\d+) (.*)$/.exec(line) ?? [];
      return ns === undefined
        ? []
        : [{ seconds: Number(ns) / 1e9, pid: Number(pid), tid: Number(tid), state: Number(state), name }];
    });
}

interface Span {
  livepatch: string;
  direction: Timeline['direction'];
  outcome: Timeline['outcome'];
  start: number;
  end: number | undefined;
  isForced: boolean;
  reasons: Map<number, { name: string; said: { at: number; text: string }[] }>;
}

/** The kernel's own words of a transition's course (kernel/livepatch/transition.c, read at run time). */
const course =
  /^livepatch: '(?<livepatch>[^']+)': (?:(?<starting>starting|reversing)|(?<direction>patching|unpatching) complete)/;
const reason = /^livepatch: klp_\w+: (?<name>.*):(?<tid>\d+) (?<text>(?:is|has) .*)$/;

/**
 * Puts the timelines of a run together, from the kernel's messages and the changes that were seen, both in order.
 *
 * `named`: tasks that were found to block, with their stacks.
 */
export function timelines(
  messages: readonly KernelMessage[],
  changes: readonly StateChange[],
  named: readonly Blocker[] = [],
): Timeline[] {
  const spans = spansOf(messages);
  const last = Math.max(messages.at(-1)?.seconds ?? 0, changes.at(-1)?.seconds ?? 0);
  return spans.map((span, i) => {
    const end = span.end ?? last;
    // What the next transition shows is not this one's; the sampler may be a moment ahead of the message.
    const until = Math.min(end + slack, spans[i + 1]?.start ?? Number.POSITIVE_INFINITY);
    const from = Math.max(span.start - slack, i > 0 ? (spans[i - 1]?.end ?? 0) : 0);
    const seen = changes.filter(({ seconds }) => seconds >= from && seconds <= until);
    const stop = seen.findIndex(({ tid }) => tid === 0);
    return timelineOf(span, stop < 0 ? seen : seen.slice(0, stop), end, named);
  });
}

/** Seconds by which the times of messages and of samples may differ. */
const slack = 0.05;

function spansOf(messages: readonly KernelMessage[]): Span[] {
  const spans: Span[] = [];
  const open = () => {
    const span = spans.at(-1);
    return span && span.end === undefined ? span : undefined;
  };
  const begin = (livepatch: string, direction: Span['direction'], start: number) =>
    spans.push({
      ...{ livepatch, direction, outcome: 'open', start, end: undefined, isForced: false },
      reasons: new Map(),
    });
  for (const { text, seconds } of messages) {
    const span = open();
    const match = course.exec(text)?.groups;
    if (match?.starting) {
      const isUnpatching = /starting unpatching|to unpatching/.test(text);
      const direction = isUnpatching ? 'unpatching' : 'patching';
      // One that was turned round starts anew, and says so.
      if (span?.livepatch === match.livepatch && span?.direction === direction) continue;
      if (span) {
        span.end = seconds;
        if (match.starting === 'reversing') span.outcome = 'reversed';
      }
      begin(match.livepatch ?? '', direction, seconds);
    } else if (match?.direction && span?.livepatch === match.livepatch) {
      span.end = seconds;
      span.outcome = span.isForced ? 'forced' : 'complete';
    } else if (span && /^livepatch: forcing remaining tasks/.test(text)) {
      span.isForced = true;
    }
    const said = reason.exec(text)?.groups;
    if (!said || !span) continue;
    const tid = Number(said.tid);
    const entry = span.reasons.get(tid) ?? { name: said.name ?? '', said: [] };
    if (entry.said.length < mostReasons) entry.said.push({ at: seconds - span.start, text: said.text ?? '' });
    span.reasons.set(tid, entry);
  }
  return spans;
}

/** Reasons that are kept of one task: the kernel tries about once a second. */
const mostReasons = 120;

/** Seconds that one pass may take, seen from outside; the kernel tries again after one. */
const passSeconds = 0.5;

/**
 * Time of the sample that showed the last tasks of the first pass: the one with the most, or one soon after it.
 */
function firstPassOf(seen: readonly StateChange[], target: number): number | undefined {
  const counts = new Map<number, number>();
  for (const { seconds, tid, state } of seen)
    if (tid !== 0 && state === target) counts.set(seconds, (counts.get(seconds) ?? 0) + 1);
  let most: number | undefined;
  for (const [seconds, count] of counts)
    if (most === undefined || count > (counts.get(most) ?? 0)) most = seconds;
  if (most === undefined) return undefined;
  const until = most + passSeconds;
  return Math.max(...[...counts.keys()].filter((seconds) => seconds < until));
}

function timelineOf(
  span: Span,
  seen: readonly StateChange[],
  end: number,
  named: readonly Blocker[],
): Timeline {
  const target = span.direction === 'patching' ? 1 : 0;
  let passed = firstPassOf(seen, target);
  const tasks = new Map<number, { pid: number; name: string; switched?: number; ended?: number }>();
  let inFirstPass = 0;
  const since = (seconds: number) => Math.max(0, seconds - span.start);
  for (const { seconds, pid, tid, state, name } of seen) {
    const task = tasks.get(tid);
    if (state === -1) {
      if (task && task.switched === undefined) task.ended = since(seconds);
    } else if (state === target) {
      if (passed !== undefined && seconds <= passed && !span.reasons.has(tid)) {
        inFirstPass++;
        tasks.delete(tid);
      } else if (task) task.switched ??= since(seconds);
      // Tasks that come later are born into the state of their parent.
      else if (span.reasons.has(tid)) tasks.set(tid, { pid, name, switched: since(seconds) });
    } else if (!task) {
      tasks.set(tid, { pid, name });
    }
  }
  // Of a task that blocked before anybody looked only the kernel's words are known.
  for (const [tid, { name }] of span.reasons) if (!tasks.has(tid)) tasks.set(tid, { pid: tid, name });
  const isOver = span.outcome === 'complete' || span.outcome === 'forced';
  // Of what switched between the last look and the end only that is known; where the end came soon, it was the first pass.
  if (isOver && end - (passed ?? span.start) < passSeconds)
    for (const [tid, { switched, ended }] of tasks) {
      if (switched !== undefined || ended !== undefined || span.reasons.has(tid)) continue;
      tasks.delete(tid);
      inFirstPass++;
      passed = end;
    }
  const list = [...tasks].map(([tid, task]): TimelineTask => {
    const stack = named.find((one) => one.tid === tid)?.stack;
    const { switched = isOver && task.ended === undefined ? end - span.start : undefined, ...rest } = task;
    return {
      ...rest,
      tid,
      ...(switched === undefined ? {} : { switched: Math.min(switched, end - span.start) }),
      reasons: span.reasons.get(tid)?.said ?? [],
      ...(stack === undefined ? {} : { stack }),
    };
  });
  const when = ({ switched, ended }: TimelineTask) => switched ?? ended ?? Number.POSITIVE_INFINITY;
  // Of those that never switched, what is known to have blocked comes before what was only not seen to switch.
  const blocked = ({ reasons, stack }: TimelineTask) => (reasons.length > 0 || stack !== undefined ? 0 : 1);
  list.sort((a, b) => (when(b) === when(a) ? blocked(a) - blocked(b) || a.tid - b.tid : when(b) - when(a)));
  const { livepatch, direction, outcome, start } = span;
  return {
    ...{ livepatch, direction, outcome, start, seconds: end - start },
    ...(passed === undefined ? {} : { firstPass: { tasks: inFirstPass, seconds: since(passed) } }),
    tasks: list,
  };
}
