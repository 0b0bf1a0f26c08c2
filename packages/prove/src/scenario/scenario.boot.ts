import { addKernel, type Kernel } from '@klpkit/kernel';
import { beforeAll, describe, expect, it } from 'vitest';
import { build, cmdline, type Recipe, withText } from '../testing/livepatches.ts';
import { timelineSvg } from '../timeline/svg.ts';
import { formatScenario } from './format.ts';
import { findScenario } from './ready.ts';
import type { ScenarioResult } from './result.ts';
import { type GivenModule, runScenario, runScenarios } from './run.ts';

let kernel: Kernel;
const built: Record<string, GivenModule> = {};

const loop: Recipe = {
  name: 'klp_loop',
  object: 'loop',
  oldName: 'loop_attr_do_show_autoclear',
  code: 'ssize_t replacement(struct device *d, struct device_attribute *a, char *b) { return sysfs_emit(b, "patched\\n"); }',
};
const stuck: Recipe = {
  name: 'klp_stuck',
  object: 'vmlinux',
  oldName: 'kswapd',
  code: 'int replacement(void *p) { return 0; }',
};

beforeAll(async () => {
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
  const version = (name: string) => cmdline(name, `seq_puts(m, "${name}\\n");`);
  for (const name of ['klp_old', 'klp_new', 'klp_newer'])
    built[name] = await build(kernel, { ...version(name), replace: true });
  built.stuck = await build(kernel, stuck);
  built.loop = await build(kernel, loop);
  built.oops = await build(kernel, cmdline('klp_oops', '*(volatile int *)8 = 1;'));
});

const given = (name: string): GivenModule => {
  const module = built[name];
  if (!module) throw new Error(`no livepatch ${name}`);
  return module;
};
const status = ({ steps }: ScenarioResult) => steps.map((step) => `${step.number} ${step.status}`);

describe('the scenarios that klpkit brings', () => {
  it('pass', async () => {
    const ready = async (name: string, modules: Record<string, string>, values = {}) => ({
      file: await findScenario(name),
      modules: Object.fromEntries(Object.entries(modules).map(([alias, one]) => [alias, given(one)])),
      values,
    });
    const results = await runScenarios(kernel, [
      await ready(
        'upgrade-chain',
        { old: 'klp_old', new: 'klp_new', newer: 'klp_newer' },
        { check: 'grep -x klp_newer /proc/cmdline' },
      ),
      await ready('target-comes-late', { patch: 'loop' }),
      await ready('stalled-transition', { patch: 'stuck' }, { task: 'kswapd0', function: 'kswapd' }),
      await ready('load-under-stress', { patch: 'klp_old' }, { rounds: '1' }),
      await ready('tracing-in-parallel', { patch: 'klp_old' }, { check: 'grep -x klp_old /proc/cmdline' }),
      await ready('load-cycles', { patch: 'klp_old' }, { cycles: '2' }),
    ]);
    expect(
      results.map((result) => (result.verdict === 'passed' ? result.name : formatScenario(result))),
    ).toEqual([
      'upgrade-chain',
      'target-comes-late',
      'stalled-transition',
      'load-under-stress',
      'tracing-in-parallel',
      'load-cycles',
    ]);
    const stalled = results[2];
    const [stall] = stalled?.stalls ?? [];
    // The kernel says its reason once a second, which may be after the task was found by its stack.
    const [task] = stall?.tasks ?? [];
    expect(stall?.tasks).toHaveLength(1);
    expect(task?.name).toBe('kswapd0');
    expect(['is sleeping on function kswapd', undefined]).toContain(task?.reason);
    expect(task?.stack[0]).toMatch(/^kswapd\+0x/);
    // By the guest's clock: what a busy host takes does not count for much.
    expect((stall?.named ?? 0) - (stall?.known ?? 0)).toBeLessThan(5);
    const [timeline] = stalled?.timelines ?? [];
    expect(timeline).toMatchObject({ livepatch: 'klp_stuck', direction: 'patching', outcome: 'reversed' });
    const blocked = timeline?.tasks.find(({ name }) => name === 'kswapd0');
    expect(blocked).toBeDefined();
    expect(blocked?.switched).toBeUndefined();
    expect(timeline && timelineSvg(timeline)).toContain('kswapd0:');
    expect(stalled?.timelines[1]).toMatchObject({ direction: 'unpatching', outcome: 'complete' });
    expect(JSON.parse(JSON.stringify(results))).toEqual(results);
  });
});

const run = (text: string, modules: Record<string, GivenModule>) =>
  runScenario(kernel, { file: 'own.yaml', text, modules });

describe('a step that fails', () => {
  it('is told with what was expected, what came and the log; the rest is not run but for always', async () => {
    const result = await run(
      `name: own
modules: { patch: }
steps:
  - load: patch
    log: "'klp_old': patching complete"
  - run: cat /proc/cmdline
    expect: something else
  - disable: patch
  - { background: sleep 9, name: nothing }
  - { disable: patch, always: true }
  - { unload: patch, always: true }
  - { stop: nothing, always: true }
`,
      { patch: given('klp_old') },
    );
    expect(result.verdict).toBe('failed');
    expect(status(result)).toEqual([
      '1 passed',
      '2 failed',
      '3 skipped',
      '4 skipped',
      '5 passed',
      '6 passed',
      '7 passed',
    ]);
    expect(result.steps[1]).toMatchObject({
      line: 6,
      expected: 'the output has "something else"',
      found: '"klp_old"',
    });
    const text = formatScenario(result);
    expect(text).toMatch(/^failed: own on 6\.12/);
    expect(text).toMatch(
      /FAILED {2}2 run cat[^\n]*\n +at: +own\.yaml:6\n +expected: the output has "something else"\n/,
    );
    expect(text).toMatch(
      /log of the kernel:\n(?:.*\n)*? +\[ *\d+\.\d+\] livepatch: 'klp_old': patching complete/,
    );
  });

  it('by the error of the kernel, wanted and not, and by what nobody wanted in the log', async () => {
    const wrong: GivenModule = {
      module: withText(given('klp_new').module as Uint8Array, 'cmdline_proc_show', 'cmdline_proc_shaw'),
    };
    const text = (fails: string) => `name: own
modules: { patch: , wrong: }
steps:
  - { load: wrong, ${fails} }
  - { load: patch, always: true }
  - { enable: patch, fails: EINVAL }
  - { unload: patch, fails: EAGAIN }
  - expect-sysfs: { patch/enabled: 0 }
`;
    const modules = { patch: given('klp_old'), wrong };
    const [wanted, other] = [
      await run(text('fails: EINVAL'), modules),
      await run(text('wait: false'), modules),
    ];
    expect(status(wanted)).toEqual(['1 passed', '2 passed', '3 passed', '4 passed', '5 failed']);
    expect(wanted.findings.map(({ id, severity }) => `${severity} ${id}`)).toContain('note symbol-not-found');
    expect(wanted.steps[4]).toMatchObject({ expected: 'patch/enabled holds "0"', found: '"1"' });
    expect(status(other)).toEqual(['1 failed', '2 passed', '3 skipped', '4 skipped', '5 skipped']);
    expect(other.steps[0]).toMatchObject({ expected: 'no error' });
    expect(other.findings[0]).toMatchObject({ id: 'symbol-not-found', severity: 'error' });
  });

  it('by the death of the VM has a verdict that says where', async () => {
    const result = await run(
      `name: own
modules: { oops: }
steps:
  - load: oops
  - repeat:
      - run: cat /proc/cmdline
    times: 2
  - { unload: oops, always: true }
`,
      { oops: given('oops') },
    );
    expect(result).toMatchObject({
      verdict: 'failed',
      died: { how: 'panic', step: '2.1 run cat /proc/cmdline' },
    });
    expect(status(result)).toEqual(['1 passed', '2 failed', '2.1 failed', '3 skipped']);
    expect(result.findings[0]).toMatchObject({ id: 'null-pointer' });
  });
});
