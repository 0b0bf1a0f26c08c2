import { expect, it } from 'vitest';
import { hangOf, readTasks, withReasons } from './tasks.ts';

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

it('says of what hangs which task it is, what it waits in, and which module it came from', () => {
  const task = (name: string, tid: number, stack: string[]) => ({ pid: tid, tid, name, stack });
  const shell = task('sh', 130, ['do_wait+0x4c/0xb0', 'kernel_wait4+0xb2/0x150']);
  const load = task('insmod', 131, [
    'msleep+0x2d/0x40',
    'init_module+0x15/0x1000 [klp_x]',
    'do_one_initcall+0x5b/0x300',
  ]);
  expect(hangOf([shell, load])).toEqual({
    words: 'insmod:131 is in msleep+0x2d/0x40, by way of init_module+0x15/0x1000 [klp_x]',
    stack: load.stack.join(', '),
  });
  expect(hangOf([shell]).words).toBe('sh:130 is in do_wait+0x4c/0xb0');
  expect(hangOf([task('insmod', 131, ['wait+0x1/0x2 [klp_x]'])]).words).toBe(
    'insmod:131 is in wait+0x1/0x2 [klp_x]',
  );
  for (const stack of [
    [],
    ['irqentry_exit_to_user_mode+0xfc/0x1a0', 'asm_sysvec_apic_timer_interrupt+0x1a/0x20'],
  ])
    expect(hangOf([task('dd', 132, stack)])).toEqual({
      words: 'dd:132 runs, in the kernel or in user space',
      stack: undefined,
    });
  expect(hangOf([])).toEqual({ words: 'no task of it is left', stack: undefined });
});
