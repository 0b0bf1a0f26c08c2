import { addKernel, type Kernel } from '@klpkit/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guestInit } from '../../prove/src/guest/init.ts';
import { build, cmdline, withText } from '../../prove/src/testing/livepatches.ts';
import { startVm, type Vm } from '../../prove/src/vm/vm.ts';
import type { LiveLivepatch } from './index.ts';
import { klpkitFiles, nodeFiles } from './testing/node-guest.ts';

/** A command of klpkit, or of the shell, and what came of it. */
interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs in the VM: one process for all commands, since to start one takes many seconds there. */
const driver = `
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { main } from '/klpkit/node_modules/klpkit/src/main.js';
const say = (result) => process.stdout.write(JSON.stringify(result) + '\\n');
for (const step of JSON.parse(readFileSync('/steps.json', 'utf8'))) {
  if (typeof step === 'string') {
    const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', step], { encoding: 'utf8' });
    say({ code: status, stdout, stderr });
    continue;
  }
  let stdout = '';
  let stderr = '';
  const code = await main(step, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    env: {},
  });
  say({ code, stdout, stderr });
}
`;

const sleeper = 'while (!msleep_interruptible(100000)) ; seq_puts(m, "awake\\n");';

/** What is done in the VM, by the name that the tests ask for. */
const script: Readonly<Record<string, string | readonly string[]>> = {
  before: ['status', '--json'],
  second: ['load', '--json', '/lp/second.ko'],
  loaded: ['load', '/lp/first.ko'],
  sees: 'cat /proc/cmdline',
  again: ['load', '/lp/first.ko'],
  two: ['status', '--json'],
  twoText: ['status'],
  unmarked: ['load', '/lp/unmarked.ko'],
  overridden: ['load', '/lp/unmarked.ko', '--override', 'KLP201=to see what the kernel says'],
  missing: ['load', '/lp/missing.ko'],
  stuck: ['load', '--json', '/lp/stuck.ko', '--time-limit', '4'],
  afterStuck: 'ls /sys/kernel/livepatch; ls /sys/module | grep -c livepatch_stuck',
  stays: ['load', '/lp/stuck.ko', '--time-limit', '1', '--no-reverse'],
  moving: ['status', '--json'],
  movingText: ['status'],
  capture:
    'mkdir /cap; cd /; cp -r --parents sys/kernel/livepatch sys/module/*/taint sys/module/*/refcnt proc/modules proc/sys/kernel/tainted proc/sys/kernel/osrelease proc/[0-9]*/task/*/patch_state proc/[0-9]*/task/*/comm proc/[0-9]*/task/*/stack /cap 2>&1 | tail -3; true',
  captured: ['status', '--json', '--root', '/cap'],
  behind: ['load', '/lp/third.ko'],
  busy: ['disable', 'livepatch_first'],
  turned: ['unload', 'livepatch-stuck'],
  disabled: ['disable', 'livepatch_first'],
  left: ['status'],
  nothing: ['disable', 'livepatch_first'],
  unloaded: ['unload', 'livepatch_first'],
  gone: ['unload', 'livepatch_first'],
  sleeper: ['load', '/lp/sleeper.ko'],
  asleep: 'cat /proc/cmdline >/dev/null 2>&1 & sleep 0.3',
  kept: ['disable', 'livepatch_sleeper', '--time-limit', '2'],
  stillThere: 'cat /sys/kernel/livepatch/livepatch_sleeper/enabled; killall cat; true',
  woken: ['unload', 'livepatch_sleeper'],
  last: ['unload', 'livepatch_second'],
  empty: ['status', '--json'],
  // Last: nothing more can be done with livepatches in that kernel.
  hung: ['load', '/lp/blocks.ko', '--time-limit', '3'],
};

let kernel: Kernel;
let vm: Vm;
let results: Record<keyof typeof script, Result>;
const result = (name: string): Result => {
  const found = results[name];
  if (!found) throw new Error(`no step ${name}`);
  return found;
};
// biome-ignore lint/suspicious/noExplicitAny: the schemas are tested elsewhere
const json = (name: string): any => JSON.parse(result(name).stdout);

beforeAll(async () => {
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
  const made = async (name: string, recipe: Parameters<typeof build>[1]) => ({
    path: `/lp/${name}.ko`,
    data: (await build(kernel, recipe)).module as Uint8Array,
  });
  const show = (name: string) => cmdline(`livepatch_${name}`, `seq_puts(m, "${name}\\n");`);
  const livepatches = [
    await made('first', show('first')),
    await made('second', { ...show('second'), oldName: 'version_proc_show' }),
    await made('third', show('third')),
    await made('missing', show('missing')),
    await made('unmarked', show('unmarked')),
    await made('sleeper', {
      ...show('sleeper'),
      code: `#include <linux/delay.h>\nint replacement(struct seq_file *m, void *v) { ${sleeper} return 0; }`,
    }),
    await made('blocks', {
      ...show('blocks'),
      prePatch: 'int before(struct klp_object *obj) { msleep(100000000); return 0; }',
    }),
    await made('stuck', {
      name: 'livepatch_stuck',
      object: 'vmlinux',
      oldName: 'kswapd',
      code: 'int replacement(void *p) { return 0; }',
    }),
  ].map(({ path, data }) => {
    if (path === '/lp/missing.ko')
      return { path, data: withText(data, 'cmdline_proc_show', 'cmdline_proc_shaw') };
    if (path === '/lp/unmarked.ko') return { path, data: withText(data, 'livepatch=Y', 'livepotch=Y') };
    return { path, data };
  });
  const text = (path: string, content: string) => ({ path, data: new TextEncoder().encode(content) });
  vm = await startVm({
    accel: 'tcg',
    memoryMb: 1024,
    kernel: kernel.vmlinux,
    init: await guestInit(kernel),
    files: [
      ...(await nodeFiles()),
      ...klpkitFiles(),
      ...livepatches,
      text('/klpkit/package.json', '{"type":"module"}'),
      text('/klpkit/driver.js', driver),
      text('/steps.json', JSON.stringify(Object.values(script))),
    ],
    hasShell: true,
    append: ['cryptomgr.notests', 'initcall_blacklist=jent_mod_init'],
    bootMs: 120_000,
  });
  // One processor: what V8 does beside the work only takes from it, and optimised code costs its emulation more than it saves.
  const reply = await vm.request('run', ['node --single-threaded --no-opt /klpkit/driver.js 2>&1', ''], {
    label: 'driver',
    timeoutMs: 240_000,
    limit: 1 << 20,
  });
  const output = new TextDecoder().decode(reply.output);
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  const names = Object.keys(script);
  if (lines.length !== names.length) fail(output);
  results = Object.fromEntries(lines.map((line, index) => [names[index], JSON.parse(line) as Result]));
});
afterAll(() => vm?.end());

function fail(output: string): never {
  throw new Error(`the driver failed:\n${output.slice(0, 4000)}\n${vm.console().slice(-2000)}`);
}

describe('status on a running machine', () => {
  it('shows an empty kernel, before and after', () => {
    expect(result('before').code).toBe(0);
    expect(json('before')).toMatchObject({ livepatches: [], left: [], taint: { value: 0, reasons: [] } });
    expect(json('before').release).toBe(kernel.release);
    expect(json('empty')).toMatchObject({ livepatches: [], left: [], taint: { value: 45056 } });
  });

  it('shows two livepatches in their order, which is not that of their names', () => {
    const { livepatches, order, taint } = json('two');
    const shown = livepatches.map((one: LiveLivepatch) => [one.name, one.objects]);
    const object = (name: string) => [
      { name: 'vmlinux', isPatched: true, isLoaded: true, functions: [{ name, sympos: 1 }] },
    ];
    expect(shown).toEqual([
      ['livepatch_second', object('version_proc_show')],
      ['livepatch_first', object('cmdline_proc_show')],
    ]);
    expect(order).toBe('modules');
    expect(taint.reasons.map(({ letter }: { letter: string }) => letter)).toEqual(['O', 'E', 'K']);
    expect(result('twoText').stdout).toContain(
      '2  livepatch_first  in force\n     vmlinux: cmdline_proc_show',
    );
  });

  it('names the task that blocks a transition, its function and its stack', () => {
    expect(json('moving').transition).toMatchObject({
      livepatch: 'livepatch_stuck',
      direction: 'patching',
      isReadable: true,
      tasks: [
        {
          name: 'kswapd0',
          inside: 'kswapd',
          stack: expect.arrayContaining([expect.stringMatching(/^kswapd\+0x/)]),
        },
      ],
    });
    expect(result('movingText').stdout).toMatch(
      /livepatch_stuck is patching, 1 task left: kswapd0:\d+ in kswapd\n/,
    );
    expect(result('movingText').stdout).toMatch(/^ {4}kthread\+0x/m);
  });

  it('reads the same from a capture', () => {
    expect(result('captured').code, result('capture').stdout).toBe(0);
    expect(json('captured')).toEqual(json('moving'));
  });

  it('shows what is left of a livepatch that was disabled', () => {
    expect(result('left').stdout).toContain(
      'livepatch_first is not in force any more, its module is still loaded; next: klpkit unload livepatch_first',
    );
  });
});

describe('load on a running machine', () => {
  it('loads, and the code is another', () => {
    expect(result('loaded')).toMatchObject({ code: 0 });
    expect(result('loaded').stdout).toContain('in force  livepatch_first, after ');
    expect(result('sees').stdout).toBe('first\n');
    expect(json('second')).toMatchObject({
      outcome: 'loaded',
      livepatch: { isEnabled: true, objects: [{ name: 'vmlinux', isPatched: true }] },
      log: expect.arrayContaining([
        "livepatch: enabling patch 'livepatch_second'",
        "livepatch: 'livepatch_second': patching complete",
      ]),
    });
  });

  it('refuses what is loaded already, and what check calls an error, before the kernel is asked', () => {
    expect(result('again')).toMatchObject({ code: 1 });
    expect(result('again').stderr).toContain('error name-taken: a module livepatch_first is loaded already');
    expect(result('unmarked')).toMatchObject({ code: 1 });
    expect(result('unmarked').stderr).toContain('error KLP201: ');
    expect(result('unmarked').stderr).not.toContain('insmod');
  });

  it('goes on in spite of a finding that is answered, and explains what the kernel says then', () => {
    expect(result('overridden').stdout).toContain('next: overridden: to see what the kernel says');
    expect(result('overridden').stderr).toContain('error not-a-livepatch: the module livepatch_unmarked');
    expect(result('missing')).toMatchObject({ code: 1 });
    expect(result('missing').stderr).toContain(
      "error symbol-not-found: the kernel has no symbol 'cmdline_proc_shaw' that the livepatch names",
    );
  });

  it('takes a stalled transition back, says who blocked it, and leaves nothing', () => {
    expect(result('stuck').code).toBe(1);
    const [stuck, reversed] = json('stuck').findings;
    expect(stuck.what).toMatch(
      /^the patching transition of livepatch_stuck did not end in \d+ s: kswapd0:\d+ in kswapd$/,
    );
    expect(stuck.evidence[0]).toContain('\n  kthread+0x');
    expect(reversed).toMatchObject({ id: 'transition-reversed', severity: 'note' });
    expect(result('afterStuck').stdout).toBe('livepatch_first\nlivepatch_second\n0\n');
  });

  it('does not wait for ever for a module that hangs as it is loaded, and names the task', () => {
    expect(result('hung').code).toBe(1);
    expect(result('hung').stderr).toMatch(
      /error load-hangs: loading livepatch_blocks did not come back in 3 s: \w+:\d+, which sleeps in msleep\n/,
    );
  });

  it('lets a stalled transition go on if told to, and refuses others meanwhile', () => {
    expect(result('stays').code).toBe(1);
    expect(result('stays').stderr).toContain('note transition-goes-on');
    for (const name of ['behind', 'busy']) {
      expect(result(name).code).toBe(1);
      expect(result(name).stderr).toContain('error KLP210: livepatch_stuck is ');
    }
    expect(result('turned')).toMatchObject({ code: 0, stdout: 'unloaded  livepatch_stuck\n' });
  });
});

describe('disable and unload on a running machine', () => {
  it('take a livepatch out, each once', () => {
    expect(result('disabled').code).toBe(0);
    expect(result('disabled').stdout).toContain('out of force  livepatch_first, after ');
    expect(result('nothing').code).toBe(4);
    expect(result('unloaded')).toMatchObject({ code: 0, stdout: 'unloaded  livepatch_first\n' });
    expect(result('gone').code).toBe(2);
    expect(result('gone').stderr).toContain('there are livepatch_second');
    expect(result('last').code).toBe(0);
  });

  it('leave it in force when a task sleeps in its code, and name the task', () => {
    expect(result('sleeper').code).toBe(0);
    expect(result('kept').code).toBe(1);
    expect(result('kept').stderr).toMatch(
      /the unpatching transition of livepatch_sleeper .*: cat:\d+ in replacement/,
    );
    expect(result('kept').stderr).toContain('livepatch_sleeper is in force as before');
    expect(result('stillThere').stdout).toBe('1\n');
    expect(result('woken').code).toBe(0);
  });
});
