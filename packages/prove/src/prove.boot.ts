import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addKernel, type Kernel, loadModule } from '@klpkit/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatProof } from './format.ts';
import { proveLivepatch } from './prove.ts';
import { build, cmdline, withEndlessInit, withText } from './testing/livepatches.ts';
import type { LivepatchProof, LivepatchToProve, Proof } from './types.ts';

const patched = 'this line comes from a livepatch';
const check = {
  command: 'cat /proc/cmdline',
  expectBefore: /console=ttyS0/,
  expectPatched: patched,
  expectReverted: /console=ttyS0/,
};
const loopCheck =
  'dd if=/dev/zero of=/tmp/disk bs=4k count=1 2>/dev/null && losetup /dev/loop0 /tmp/disk; cat /sys/block/loop0/loop/autoclear; losetup -d /dev/loop0';

let kernel: Kernel;
let good: Awaited<ReturnType<typeof build>>;
// Another file of tests may start VMs in the same process: those of this one have their folders here.
const folder = mkdtempSync(join(tmpdir(), 'klpkit-proofs-'));
const { TMPDIR } = process.env;
afterAll(() => {
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
  rmSync(folder, { recursive: true });
});
beforeAll(async () => {
  process.env.TMPDIR = folder;
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
  good = await build(kernel, cmdline('livepatch_good', `seq_puts(m, "${patched}\\n");`));
});

/** QEMU processes that the tests of this file started. */
function ourQemus(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // Behind the name come the state, whatever it is at this moment, and the parent.
      const [, name, parent] = /\((.*)\) \S (\d+)/.exec(stat) ?? [];
      if (name !== 'qemu-system-x86' || Number(parent) !== process.pid) return false;
      return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
    } catch {
      return false;
    }
  });
}

const ids = (proof: LivepatchProof, severity: string) =>
  proof.findings.filter((finding) => finding.severity === severity).map(({ id }) => id);

describe('several livepatches in one boot', () => {
  let proof: Proof;
  const byName = (name: string): LivepatchProof => {
    const found = proof.livepatches.find((livepatch) => livepatch.name === name);
    if (!found) throw new Error(`no proof of ${name}`);
    return found;
  };

  beforeAll(async () => {
    const renamed = (name: string) => build(kernel, cmdline(name, `seq_puts(m, "${patched}\\n");`));
    const missing = await renamed('livepatch_missing');
    const loop = await build(kernel, {
      name: 'livepatch_loop',
      object: 'loop',
      oldName: 'loop_attr_do_show_autoclear',
      code: 'ssize_t replacement(struct device *d, struct device_attribute *a, char *b) { return sysfs_emit(b, "patched\\n"); }',
    });
    const ext4 = await build(kernel, {
      name: 'livepatch_ext4',
      object: 'ext4',
      oldName: 'ext4_get_tree',
      code: 'int replacement(struct fs_context *fc) { return -EUCLEAN; }',
    });
    const hardware = await build(kernel, {
      name: 'livepatch_kvm_intel',
      object: 'kvm_intel',
      oldName: 'vmx_get_cpl',
      code: 'int replacement(void *vcpu) { return 0; }',
    });
    const stuck = await build(kernel, {
      name: 'livepatch_stuck',
      object: 'vmlinux',
      oldName: 'kswapd',
      code: 'int replacement(void *p) { return 0; }',
    });
    const livepatches: LivepatchToProve[] = [
      { ...good, checks: [check] },
      { ...(await renamed('livepatch_wrong')), checks: [{ ...check, expectPatched: 'something else' }] },
      {
        ...missing,
        module: withText(missing.module as Uint8Array, 'cmdline_proc_show', 'cmdline_proc_shaw'),
        checks: [check],
      },
      {
        ...(await renamed('livepatch_hostile')),
        checks: [
          { command: 'head -c 3000000 /dev/zero' },
          { command: 'yes KLPQ', timeoutSeconds: 1 },
          { command: 'printf "\\033[2J\\001forged\\n" >&2; exit 3', expectBefore: 'forged' },
        ],
      },
      {
        ...loop,
        checks: [{ command: loopCheck, expectBefore: '0', expectPatched: 'patched', expectReverted: '0' }],
      },
      { ...(await renamed('livepatch_uncalled')), checks: [{ command: 'echo fine', expectPatched: 'fine' }] },
      {
        ...ext4,
        checks: [
          {
            command: 'mount -t ext4 none /tmp',
            expectBefore: /failed: (?!Structure)/,
            expectPatched: /Structure needs cleaning/,
          },
        ],
      },
      hardware,
      { module: (await loadModule(kernel, 'loop')).koPath, objects: [] },
      { ...stuck, checks: [check] },
      { ...(await renamed('livepatch_last')), checks: [check] },
    ];
    proof = await proveLivepatch(kernel, { livepatches, jobs: 1 });
  });

  it('ran in one boot, in order, and is plain data', () => {
    expect(proof.boots).toHaveLength(1);
    expect(proof.livepatches.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['livepatch_good', 'proven'],
      ['livepatch_wrong', 'failed'],
      ['livepatch_missing', 'failed'],
      ['livepatch_hostile', 'failed'],
      ['livepatch_loop', 'proven'],
      ['livepatch_uncalled', 'proven'],
      ['livepatch_ext4', 'proven'],
      ['livepatch_kvm_intel', 'proven'],
      ['loop', 'failed'],
      ['livepatch_stuck', 'failed'],
      ['livepatch_last', 'proven'],
    ]);
    expect(JSON.parse(JSON.stringify(proof))).toEqual(proof);
    expect(proof.verdict).toBe('failed');
  });

  it('a good livepatch shows its effect before, patched and reverted, and a clean log', () => {
    const { passes, findings } = byName('livepatch_good');
    expect(passes.map(({ order }) => order)).toEqual(['vmlinux']);
    expect(findings).toEqual([]);
    const [result] = passes[0]?.checks ?? [];
    expect(result?.before).toMatchObject({
      isMet: true,
      code: 0,
      text: expect.stringContaining('console=ttyS0'),
    });
    expect(result?.patched).toMatchObject({ isMet: true, text: `${patched}\n` });
    expect(result?.reverted?.text).toBe(result?.before?.text);
    const log = passes[0]?.steps.flatMap((step) => step.log.map(({ text }) => text));
    expect(log).toContain("livepatch: 'livepatch_good': patching complete");
    expect(log).toContain("livepatch: 'livepatch_good': unpatching complete");
  });

  it('says how often checks called the patched functions, and of checks that called none', () => {
    expect(byName('livepatch_good').calls).toEqual([
      { object: 'vmlinux', function: 'cmdline_proc_show', calls: 1 },
    ]);
    // In both orders, and once more when the module was reloaded.
    expect(byName('livepatch_loop').calls).toEqual([
      { object: 'loop', function: 'loop_attr_do_show_autoclear', calls: 3 },
    ]);
    const uncalled = byName('livepatch_uncalled');
    expect(uncalled.calls).toEqual([{ object: 'vmlinux', function: 'cmdline_proc_show', calls: 0 }]);
    expect(ids(uncalled, 'warning')).toEqual(['checks-call-nothing']);
    expect(byName('loop').calls).toEqual([]);
  });

  it('a wrong expectation fails, and says what was found', () => {
    const wrong = byName('livepatch_wrong');
    expect(ids(wrong, 'error')).toEqual(['check-unmet']);
    expect(wrong.findings[0]?.what).toContain(patched);
    expect(wrong.findings[0]?.what).toContain('"something else"');
    // It was taken back all the same.
    expect(wrong.passes[0]?.steps.at(-1)).toMatchObject({ name: 'checks reverted', isOk: true });
  });

  it('a symbol that the kernel has not is named', () => {
    const missing = byName('livepatch_missing');
    expect(ids(missing, 'error')).toEqual(['symbol-not-found']);
    expect(missing.findings[0]).toMatchObject({
      what: expect.stringContaining("'cmdline_proc_shaw'"),
      step: 'load livepatch',
    });
    expect(missing.passes[0]?.steps.at(-1)).toMatchObject({ name: 'load livepatch', outcome: 'EINVAL' });
  });

  it('binary, endless and hostile output of checks is bounded and cannot be taken for a reply', () => {
    const hostile = byName('livepatch_hostile');
    const [zeroes, endless, forged] = hostile.passes[0]?.checks ?? [];
    expect(zeroes?.before).toMatchObject({ isBinary: true, totalBytes: 3_000_000, isTimedOut: false });
    expect(endless?.before).toMatchObject({ isTimedOut: true, code: null });
    expect(endless?.before?.text.length).toBeLessThanOrEqual(65536);
    expect(endless?.before?.totalBytes).toBeGreaterThan(65536);
    expect(forged?.before).toMatchObject({ text: '[2Jforged\n'.slice(3), code: 3, isMet: true });
    expect(new Set(ids(hostile, 'error'))).toEqual(new Set(['check-timed-out']));
  });

  it("a module's livepatch is proven in both orders and through a reload of the module", () => {
    const { passes } = byName('livepatch_loop');
    expect(passes.map(({ order }) => order)).toEqual(['livepatch-first', 'targets-first']);
    const steps = passes.map(({ steps }) => steps.map(({ name }) => name));
    expect(steps[0]).toContain('objects patched late');
    expect(steps[1]).toContain('reload target loop');
    for (const { checks } of passes) expect(checks[0]?.patched).toMatchObject({ isMet: true });
    expect(passes[0]?.checks[0]?.before).toBeUndefined();
    expect(passes[1]?.checks[0]?.before).toMatchObject({ isMet: true });
    const states = passes[0]?.steps.filter(({ name }) => name.startsWith('objects patched'));
    expect(states?.map(({ outcome }) => outcome)).toEqual(['loop 0', 'loop 1']);
  });

  it('what a module needs is loaded before it', () => {
    const [first] = byName('livepatch_ext4').passes;
    const loads =
      first?.steps.filter(({ name }) => name.startsWith('load target')).map(({ name }) => name) ?? [];
    expect(loads.length).toBeGreaterThan(1);
    expect(loads.at(-1)).toBe('load target ext4');
  });

  it('a module that needs hardware is not proven silently', () => {
    const hardware = byName('livepatch_kvm_intel');
    expect(ids(hardware, 'warning')).toEqual(['target-not-loadable']);
    expect(hardware.findings.find(({ severity }) => severity === 'warning')?.what).toMatch(
      /kvm_intel .*not proven/,
    );
    expect(formatProof(proof)).toContain('target-not-loadable');
  });

  it('a module that enables no livepatch is found out, and unloaded', () => {
    const module = byName('loop');
    expect(ids(module, 'error')).toEqual(['not-enabled']);
    expect(module.passes[0]?.steps.at(-1)).toMatchObject({ name: 'unload livepatch', isOk: true });
  });

  it('a stuck transition names the task, the function and the stack, and the VM goes on', () => {
    const stuck = byName('livepatch_stuck');
    expect(ids(stuck, 'error')).toEqual(['stuck-transition']);
    expect(stuck.findings[0]?.what).toMatch(/kswapd0:\d+ is sleeping on function kswapd/);
    expect(stuck.blockers).toMatchObject([{ name: 'kswapd0', reason: 'is sleeping on function kswapd' }]);
    expect(stuck.blockers[0]?.stack[0]).toMatch(/^kswapd\+0x/);
    expect(stuck.passes[0]?.steps.at(-1)).toMatchObject({ name: 'unload livepatch', isOk: true });
  });

  it('is told as text with the outputs side by side', () => {
    const text = formatProof(proof);
    expect(text).toMatch(/^failed: 11 livepatches on 6\.12\.117\+deb12-amd64, 5 of them failed/);
    expect(text).toMatch(/before: as expected +\| patched: as expected +\| reverted: as expected/);
    expect(text).toMatch(/patched: UNEXPECTED/);
    for (const line of text.split('\n'))
      if (line.includes(' | ')) expect(line.length).toBeLessThanOrEqual(100);
  });

  it('left no QEMU behind', () => {
    expect(ourQemus()).toEqual([]);
  });
});

describe('a livepatch that breaks the kernel', () => {
  it('by an oops is a failed proof that says where, and the next is proven in a fresh boot', async () => {
    const oops = await build(kernel, cmdline('livepatch_oops', '*(volatile int *)8 = 1;'));
    const proof = await proveLivepatch(kernel, {
      livepatches: [
        { ...oops, checks: [check] },
        { ...good, checks: [check] },
      ],
    });
    const [broken, fine] = proof.livepatches;
    expect(broken).toMatchObject({
      verdict: 'failed',
      boot: 0,
      died: { step: 'checks patched', how: 'panic' },
    });
    expect(broken?.findings[0]).toMatchObject({
      id: 'null-pointer',
      what: expect.stringMatching(/address 0000000000000008.* at .*\[livepatch_oops\]/),
    });
    expect(proof.boots[0]?.console).toContain('Kernel panic - not syncing: Fatal exception');
    expect(fine).toMatchObject({ verdict: 'proven', boot: 1 });
  });

  it('by an init that never ends is a failed proof that says where', async () => {
    const endless = withEndlessInit(good.module as Uint8Array);
    const proof = await proveLivepatch(kernel, { livepatches: [{ ...good, module: endless, checks: [] }] });
    const [hang] = proof.livepatches;
    expect(hang).toMatchObject({ verdict: 'failed', died: { step: 'load livepatch' } });
    expect(hang?.findings.find(({ id }) => id === 'soft-lockup')?.what).toMatch(/\[livepatch_good\]/);
    expect(ourQemus()).toEqual([]);
  });
});

describe('a livepatch that hangs', () => {
  const sleeps = 'msleep(100000000)';

  it('as it is loaded is a failed proof that names the step, the task and its stack, and leaves no more to the VM', async () => {
    const blocks = await build(kernel, {
      ...cmdline('livepatch_blocks', 'seq_puts(m, "patched\\n");'),
      prePatch: `int before(struct klp_object *obj) { ${sleeps}; return 0; }`,
    });
    const proof = await proveLivepatch(kernel, {
      livepatches: [
        { ...blocks, checks: [check] },
        { ...good, checks: [check] },
      ],
      jobs: 1,
    });
    const [hung, fine] = proof.livepatches;
    expect(hung).toMatchObject({ verdict: 'failed', boot: 0 });
    expect(hung?.passes[0]?.steps.at(-1)).toMatchObject({ name: 'load livepatch', outcome: 'hangs' });
    // No step after it that would hang as well.
    expect(hung?.findings).toMatchObject([
      {
        id: 'step-hangs',
        step: 'load livepatch',
        what: expect.stringMatching(
          /^loading the livepatch did not come back within 30\.5 s: insmod:\d+ is in msleep\+0x.*, by way of before\+0x.* \[livepatch_blocks\]$/,
        ),
        why: expect.stringMatching(/^its stack, innermost first: msleep\+0x.*klp_enable_patch\+0x/),
      },
    ]);
    expect(fine).toMatchObject({ verdict: 'proven', boot: 1 });
  });

  it('in a check that no signal ends is named with its task, and so is the transition that waits for it', async () => {
    const sleeper = await build(kernel, cmdline('livepatch_sleeper', `${sleeps};`));
    const { livepatches } = await proveLivepatch(kernel, {
      livepatches: [{ ...sleeper, checks: [{ command: 'cat /proc/cmdline; true', timeoutSeconds: 2 }] }],
    });
    const findings = livepatches[0]?.findings.filter(({ severity }) => severity === 'error');
    expect(findings).toMatchObject([
      {
        id: 'check-stuck',
        what: expect.stringMatching(
          /2 s and cannot be killed: cat:\d+ is in msleep\+0x.* \[livepatch_sleeper\]$/,
        ),
      },
      {
        id: 'stuck-transition',
        what: expect.stringMatching(/: cat:\d+ is sleeping on function cmdline_proc_show$/),
      },
    ]);
  });
});

describe('a proof', () => {
  const hows = ({ boots }: Proof) => boots.map(({ how }) => how);

  it('goes on from a saved boot, and boots when it is told to', async () => {
    const livepatches = [{ ...good, checks: [check] }];
    const first = await proveLivepatch(kernel, { livepatches });
    const restored = await proveLivepatch(kernel, { livepatches });
    const fresh = await proveLivepatch(kernel, { livepatches, freshBoot: true });
    expect([first.verdict, restored.verdict, fresh.verdict]).toEqual(['proven', 'proven', 'proven']);
    expect([hows(restored), hows(fresh)]).toEqual([['restored'], ['booted']]);
    expect(restored.boots[0]?.savedState).toBe(first.boots[0]?.savedState);
    expect(fresh.boots[0]?.savedState).toBeUndefined();
    expect(formatProof(restored)).toMatch(/^proven: .*restored from a saved boot/);
    const names = (proof: Proof) => proof.livepatches[0]?.passes[0]?.steps.map(({ name }) => name);
    expect(names(restored)).toEqual(names(fresh));
  });

  it('of several shares them out among VMs, and gives them in order', async () => {
    const named = (name: string) => build(kernel, cmdline(name, `seq_puts(m, "${patched}\\n");`));
    const rest = [await named('livepatch_second'), await named('livepatch_third')];
    const livepatches = [good, ...rest].map((one) => ({ ...one, checks: [check] }));
    const proof = await proveLivepatch(kernel, { livepatches, jobs: 2 });
    expect(proof.livepatches.map(({ name, verdict, boot }) => [name, verdict, boot])).toEqual([
      ['livepatch_good', 'proven', 0],
      ['livepatch_second', 'proven', 0],
      ['livepatch_third', 'proven', 1],
    ]);
    expect(hows(proof)[1]).toBe('restored');
  });
});

describe('an abort', () => {
  it('in the middle of a proof ends it with its reason and leaves no QEMU behind', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    let running = 0;
    const proof = proveLivepatch(
      kernel,
      { livepatches: [{ ...good, checks: [{ command: 'sleep 100' }] }] },
      {
        signal: controller.signal,
        onProgress: ({ label }) => {
          if (!label.endsWith('checks before')) return;
          running = ourQemus().length;
          controller.abort(reason);
        },
      },
    );
    await expect(proof).rejects.toBe(reason);
    expect(running).toBe(1);
    expect(ourQemus()).toEqual([]);
  });
});
