import { addKernel, type Kernel } from '@klpkit/kernel';
import { beforeAll, describe, expect, it } from 'vitest';
import { build, cmdline, withText } from '../testing/livepatches.ts';
import { readyLivepatches, readyRequests, triedScenarios } from '../testing/ready.ts';
import { timelineSvg } from '../timeline/svg.ts';
import { formatScenario } from './format.ts';
import { readyScenarios } from './ready.ts';
import type { ScenarioResult } from './result.ts';
import { type GivenModule, runScenario, runScenarios } from './run.ts';

let kernel: Kernel;
let livepatches: ReadonlyMap<string, GivenModule>;
let oops: GivenModule;

beforeAll(async () => {
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
  livepatches = await readyLivepatches(kernel);
  oops = await build(kernel, cmdline('klp_oops', '*(volatile int *)8 = 1;'));
});

const given = (name: string): GivenModule => {
  const module = livepatches.get(name);
  if (!module) throw new Error(`no livepatch ${name}`);
  return module;
};
const status = ({ steps }: ScenarioResult) => steps.map((step) => `${step.number} ${step.status}`);

describe.each(['debian:6.12.117+deb12-amd64', 'debian:6.1.0-56-amd64'])(
  'on %s the scenarios that klpkit brings',
  (id) => {
    it('pass', async () => {
      const on = await addKernel(id);
      const built = on.id === kernel.id ? livepatches : await readyLivepatches(on);
      const requests = await readyRequests(built);
      expect((await readyScenarios()).map(({ name }) => name).sort()).toEqual([...triedScenarios].sort());
      const results = await runScenarios(on, requests);
      expect(
        results.map((result) => (result.verdict === 'passed' ? result.name : formatScenario(result))),
      ).toEqual(triedScenarios);
      const stalled = results[triedScenarios.indexOf('stalled-transition')];
      const [stall] = stalled?.stalls ?? [];
      expect(stall?.tasks).toMatchObject([
        {
          name: 'kswapd0',
          reason: 'is sleeping on function kswapd',
          stack: [expect.stringMatching(/^kswapd\+0x/), ...(stall?.tasks[0]?.stack.slice(1) ?? [])],
        },
      ]);
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
  },
);

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
      { oops },
    );
    expect(result).toMatchObject({
      verdict: 'failed',
      died: { how: 'panic', step: '2.1 run cat /proc/cmdline' },
    });
    expect(status(result)).toEqual(['1 passed', '2 failed', '2.1 failed', '3 skipped']);
    expect(result.findings[0]).toMatchObject({ id: 'null-pointer' });
  });
});
