import { expect, it } from 'vitest';
import { readTasks, withReasons } from './transition.ts';

it('reads tasks with names that hold blanks, and their stacks innermost first', () => {
  const bytes = new TextEncoder().encode(
    '44 44 kswapd0\n[<0>] kswapd+0x342/0x360\n[<0>] kthread+0xd2/0x100\n\x0050 51 my task\n\0',
  );
  const tasks = readTasks(bytes);
  expect(tasks).toEqual([
    { pid: 44, tid: 44, name: 'kswapd0', stack: ['kswapd+0x342/0x360', 'kthread+0xd2/0x100'] },
    { pid: 50, tid: 51, name: 'my task', stack: [] },
  ]);
  const log = [
    'livepatch: klp_try_switch_task: kswapd0:44 is running',
    'livepatch: klp_try_switch_task: kswapd0:44 is sleeping on function kswapd',
    'livepatch: something else:51 said',
  ].map((text, sequence) => ({ level: 7, sequence, seconds: 0, text }));
  expect(withReasons(tasks, log).map(({ reason }) => reason)).toEqual([
    'is sleeping on function kswapd',
    undefined,
  ]);
});

it('gives no task for what is none', () => {
  expect(readTasks(new TextEncoder().encode('garbage\0\0'))).toEqual([]);
});
