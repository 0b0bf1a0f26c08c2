import { describe, expect, it } from 'vitest';
import type { KernelMessage } from '../log/kmsg.ts';
import { formatTimeline } from './format.ts';
import { timelineSvg } from './svg.ts';
import { readStateChanges, timelines } from './timeline.ts';

const message = (seconds: number, text: string): KernelMessage => ({
  level: 5,
  sequence: 0,
  seconds,
  text: `livepatch: ${text}`,
});
const changes = (...lines: string[]) => readStateChanges(new TextEncoder().encode(`${lines.join('\n')}\n`));
const ns = (seconds: number) => String(Math.round(seconds * 1e9));

const stuck = [
  message(10, "enabling patch 'one'"),
  message(10, "'one': starting patching transition"),
  message(10.1, 'klp_try_switch_task: kswapd0:44 is sleeping on function kswapd'),
  message(11.1, 'klp_try_switch_task: kswapd0:44 is sleeping on function kswapd'),
  message(14, "'one': reversing transition from patching to unpatching"),
  message(14.1, "'one': starting unpatching transition"),
  message(14.5, "'one': unpatching complete"),
];
const seen = changes(
  `${ns(10.01)} 1 1 0 init`,
  `${ns(10.01)} 44 44 0 kswapd0`,
  `${ns(10.01)} 7 7 0 kworker/0:1 x`,
  `${ns(10.01)} 8 8 0 sh`,
  `${ns(10.2)} 1 1 1 init`,
  `${ns(10.2)} 7 7 1 kworker/0:1 x`,
  `${ns(11.5)} 8 8 1 sh`,
  `${ns(14.2)} 1 1 0 init`,
  `${ns(14.2)} 7 7 0 kworker/0:1 x`,
  `${ns(14.51)} 0 0 -1 -`,
);
const blocker = { pid: 44, tid: 44, name: 'kswapd0', stack: ['kswapd+0x342/0x360'] };

describe('timelines', () => {
  it('say which task switched when, and what kept one from it', () => {
    const [patching, unpatching, ...more] = timelines(stuck, seen, [blocker]);
    expect(more).toEqual([]);
    expect(patching).toMatchObject({
      livepatch: 'one',
      direction: 'patching',
      outcome: 'reversed',
      start: 10,
      seconds: 4,
    });
    expect(patching?.firstPass?.tasks).toBe(2);
    expect(patching?.tasks.map(({ name, switched }) => [name, switched?.toFixed(2)])).toEqual([
      ['kswapd0', undefined],
      ['sh', '1.50'],
    ]);
    expect(patching?.tasks[0]).toMatchObject({
      stack: ['kswapd+0x342/0x360'],
      reasons: [{ text: 'is sleeping on function kswapd' }, { text: 'is sleeping on function kswapd' }],
    });
    // The start that follows a reversal is of the same transition.
    expect(unpatching).toMatchObject({ direction: 'unpatching', outcome: 'complete', start: 14 });
    expect(unpatching?.seconds).toBeCloseTo(0.5);
    expect(unpatching?.tasks).toEqual([]);
  });

  it('of one that was over before anybody looked have no tasks, of one that goes on no end', () => {
    const quick = [message(1, "'a': starting patching transition"), message(1.2, "'a': patching complete")];
    const [done] = timelines(quick, []);
    expect(done).toMatchObject({ outcome: 'complete', tasks: [] });
    expect(done).not.toHaveProperty('firstPass');
    const [open] = timelines(
      [message(1, "'a': starting unpatching transition")],
      changes(`${ns(3)} 5 5 1 sh`),
    );
    expect(open).toMatchObject({
      outcome: 'open',
      direction: 'unpatching',
      seconds: 2,
      tasks: [{ name: 'sh' }],
    });
    expect(open?.tasks[0]).not.toHaveProperty('switched');
  });

  it('count what was last seen just before a quick end to the first pass, but not what the kernel spoke of', () => {
    const quick = [
      message(1, "'a': starting patching transition"),
      message(1.1, 'klp_try_switch_task: sh:6 is running'),
      message(1.2, "'a': patching complete"),
    ];
    const [timeline] = timelines(quick, changes(`${ns(1.01)} 5 5 0 init`, `${ns(1.01)} 6 6 0 sh`));
    expect(timeline?.firstPass?.tasks).toBe(1);
    expect(timeline?.tasks).toMatchObject([{ name: 'sh', reasons: [{ text: 'is running' }] }]);
  });

  it('know a forced one, and a task that went away', () => {
    const forced = [
      message(1, "'a': starting patching transition"),
      message(2, 'forcing remaining tasks to the patched state'),
      message(2.1, "'a': patching complete"),
    ];
    const [timeline] = timelines(forced, changes(`${ns(1.1)} 5 5 0 sh`, `${ns(1.5)} 0 5 -1 -`));
    expect(timeline).toMatchObject({ outcome: 'forced', tasks: [{ name: 'sh', ended: 0.5 }] });
  });

  it('leave out lines that are none', () => {
    expect(changes('', 'nonsense', '1 2 3', `${ns(1)} 2 3 0 a b`)).toEqual([
      { seconds: 1, pid: 2, tid: 3, state: 0, name: 'a b' },
    ]);
  });
});

describe('a timeline', () => {
  const [timeline] = timelines(stuck, seen, [blocker]);
  if (!timeline) throw new Error('no timeline');

  it('is told as text', () => {
    expect(formatTimeline(timeline)).toEqual([
      'patching one: turned round after 4.00 s',
      '  2 tasks switched in the first pass, by 0.20 s',
      '  kswapd0:44           did not switch; is sleeping on function kswapd (2 times)',
      '    kswapd+0x342/0x360',
      '  sh:8                 switched after 1.50 s',
    ]);
  });

  it('is drawn with title and description, the same each time, names escaped', () => {
    const svg = timelineSvg(timeline);
    expect(svg).toBe(timelineSvg(structuredClone(timeline)));
    expect(svg).toMatch(/role="img" aria-labelledby="title desc"/);
    expect(svg).toContain('<title id="title">patching one: turned round after 4.00 s</title>');
    expect(svg).toMatch(
      /<desc id="desc">2 tasks switched in the first pass, by 0\.20 s\. Last: kswapd0:44 did not switch/,
    );
    expect(svg).toContain('fill:currentColor');
    expect(svg).toContain('prefers-color-scheme:dark');
    const hostile = { ...timeline, tasks: timeline.tasks.map((task) => ({ ...task, name: '<a>&"\u0001' })) };
    expect(timelineSvg(hostile)).toContain('&lt;a&gt;&amp;&quot;?:44');
    expect(timelineSvg(hostile)).not.toContain('<a>');
  });

  it('is drawn within bounds, however many tasks', () => {
    const [first] = timeline.tasks;
    if (!first) throw new Error('no task');
    const many = { ...timeline, tasks: Array.from({ length: 500 }, (_, i) => ({ ...first, tid: i })) };
    expect(timelineSvg(many)).toContain('and 460 more');
    expect(timelineSvg({ ...timeline, seconds: 0, tasks: [] })).not.toMatch(/NaN|Infinity/);
  });
});
