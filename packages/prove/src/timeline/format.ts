import type { Timeline, TimelineTask } from './timeline.ts';

const endings: Readonly<Record<Timeline['outcome'], string>> = {
  complete: 'complete after',
  forced: 'forced after',
  reversed: 'turned round after',
  open: 'not complete after',
};

/** Reasons of a task, each once, with how often the kernel gave it. */
export function reasonWords({ reasons }: TimelineTask): string[] {
  const counts = new Map<string, number>();
  for (const { text } of reasons) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].map(([text, count]) => (count > 1 ? `${text} (${count} times)` : text));
}

/** When a task switched: `after 2.31 s`, `never`. */
export function switchWords({ switched, ended }: TimelineTask): string {
  if (switched !== undefined) return `switched after ${switched.toFixed(2)} s`;
  return ended === undefined ? 'did not switch' : `ended after ${ended.toFixed(2)} s`;
}

/** What a transition was and how it ended: `patching livepatch_x: complete after 0.21 s`. */
export function timelineTitle({ direction, livepatch, outcome, seconds }: Timeline): string {
  return `${direction} ${livepatch}: ${endings[outcome]} ${seconds.toFixed(2)} s`;
}

/** `51 tasks switched in the first pass, by 0.21 s`; empty where nobody looked. */
export function passWords({ firstPass }: Timeline): string {
  if (!firstPass) return '';
  const { tasks, seconds } = firstPass;
  return `${tasks} ${tasks === 1 ? 'task' : 'tasks'} switched in the first pass, by ${seconds.toFixed(2)} s`;
}

/** A timeline as text: a line for the transition, one for each task that did not switch at once. */
export function formatTimeline(timeline: Timeline, mostTasks = 12): string[] {
  const { tasks } = timeline;
  const lines = [timelineTitle(timeline)];
  if (timeline.firstPass) lines.push(`  ${passWords(timeline)}`);
  for (const task of tasks.slice(0, mostTasks)) {
    lines.push(
      `  ${`${task.name}:${task.tid}`.padEnd(20)} ${[switchWords(task), ...reasonWords(task)].join('; ')}`,
    );
    for (const frame of (task.stack ?? []).slice(0, 4)) lines.push(`    ${frame}`);
  }
  if (tasks.length > mostTasks) lines.push(`  and ${tasks.length - mostTasks} more`);
  return lines;
}
