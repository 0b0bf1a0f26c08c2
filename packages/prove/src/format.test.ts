import { describe, expect, it } from 'vitest';
import { formatProof } from './format.ts';
import type { CheckOutput, LivepatchProof, Proof } from './types.ts';

const output = (text: string, rest: Partial<CheckOutput> = {}): CheckOutput => ({
  text,
  isBinary: false,
  totalBytes: text.length,
  code: 0,
  isTimedOut: false,
  seconds: 0.01,
  ...rest,
});

const livepatch: LivepatchProof = {
  name: 'livepatch_a',
  verdict: 'proven',
  objects: [{ name: 'vmlinux', functions: Array.from({ length: 10 }, (_, i) => `f${i}`) }],
  passes: [
    {
      order: 'vmlinux',
      steps: [{ name: 'load livepatch', isOk: true, outcome: 'enabled', start: 1, seconds: 0.25, log: [] }],
      checks: [
        {
          command: 'cat /proc/x',
          before: output('old\n'),
          patched: output('new\n', { expected: 'new', isMet: true }),
          reverted: output('new\n', { expected: 'old', isMet: false, code: 1 }),
        },
      ],
    },
  ],
  calls: [],
  findings: [],
  blockers: [],
  timelines: [],
  boot: 0,
  seconds: 1,
};

const proof = (rest: Partial<LivepatchProof> = {}): Proof => ({
  kernel: { id: 'debian:1', release: '1' },
  verdict: rest.verdict ?? 'proven',
  livepatches: [{ ...livepatch, ...rest }],
  boots: [{ accel: 'tcg', how: 'booted', readySeconds: 2, console: '', records: [] }],
  seconds: 3.25,
});

describe('a proof as text', () => {
  it('tells which patched functions were called while checks ran', () => {
    const called = (...counts: number[]) =>
      formatProof(
        proof({ calls: counts.map((calls, i) => ({ object: 'vmlinux', function: `f${i}`, calls })) }),
      )
        .split('\n')
        .filter((line) => line.includes('called'));
    expect(called()).toEqual([]);
    expect(called(1, 20, 0)).toEqual([
      '  called while checks ran: f0 once, f1 20 times',
      '  not called by the checks: f2',
    ]);
    expect(called(...Array.from({ length: 10 }, () => 0))).toEqual([
      '  not called by the checks: f0, f1, f2, f3, f4, f5, f6, f7, and 2 more',
    ]);
  });

  it('shows the outputs in columns, with exit codes and what was expected', () => {
    expect(
      formatProof(proof(), { width: 80 })
        .split('\n')
        .map((line) => line.trimEnd()),
    ).toEqual([
      'proven: livepatch_a on 1 (1 boot, QEMU emulation, 3.3 s)',
      '',
      'livepatch_a: proven',
      '  patches vmlinux: f0, f1, f2, f3, f4, f5, f6, f7, and 2 more',
      '  steps',
      '    ok     load livepatch              0.25 s  enabled',
      '  check: cat /proc/x',
      '    before                  | patched: as expected    | reverted: UNEXPECTED',
      '    ----------------------- | ----------------------- | -----------------------',
      '    old                     | new                     | new',
      '                            |                         | (exit code 1)',
      '                            |                         | expected: old',
      '',
    ]);
  });

  it('bounds long outputs and long lines, and never prints binary data', () => {
    const checks = [
      {
        command: 'x',
        before: output('l\n'.repeat(1000)),
        patched: output('z'.repeat(5000)),
        reverted: output('\ufffd', { isBinary: true, totalBytes: 77 }),
      },
    ];
    const text = formatProof(proof({ passes: [{ order: 'vmlinux', steps: [], checks }] }), { maxLines: 4 });
    const lines = text.split('\n');
    expect(lines.length).toBeLessThan(20);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
    expect(text).toContain('(77 bytes of binary data)');
    expect(text).toMatch(/996 more lines/);
  });

  it('names failed steps, findings with their step, and blockers with their stacks', () => {
    const text = formatProof(
      proof({
        verdict: 'failed',
        findings: [
          {
            id: 'stuck-transition',
            severity: 'error',
            what: 'it is stuck',
            next: 'wait',
            step: 'transition',
          },
        ],
        blockers: [{ pid: 4, tid: 5, name: 'kx', reason: 'is sleeping on function f', stack: ['f+0x1/0x2'] }],
      }),
    );
    expect(text).toMatch(/^failed: /);
    expect(text).toContain('kx:5 is sleeping on function f\n      f+0x1/0x2');
    expect(text).toContain('error stuck-transition: it is stuck [transition]\n    next: wait');
  });
});

it('says which VMs were booted and which went on from a saved state', () => {
  const of = (...hows: ('booted' | 'restored')[]) => {
    const [boot] = proof().boots;
    if (!boot) throw new Error('no boot');
    return formatProof({ ...proof(), boots: hows.map((how) => ({ ...boot, how })) }).split('\n')[0];
  };
  expect(of('booted')).toContain('(1 boot, QEMU');
  expect(of('restored')).toContain('(restored from a saved boot, QEMU');
  expect(of('booted', 'restored', 'booted')).toContain('(2 boots, restored from a saved boot, QEMU');
});
