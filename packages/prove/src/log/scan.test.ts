import { describe, expect, it } from 'vitest';
import type { KernelMessage } from './kmsg.ts';
import { expectedTaint, newTaints, scanLog, stagingTaint } from './scan.ts';

const log = (...lines: (string | [number, string])[]): KernelMessage[] =>
  lines.map((line, i) => {
    const [level, text] = typeof line === 'string' ? [4, line] : line;
    return { level, sequence: i, seconds: i, text };
  });

describe('the log scanner', () => {
  it('finds nothing in the log of a good livepatch', () => {
    const good = log(
      'good: loading out-of-tree module taints kernel.',
      [5, "livepatch: enabling patch 'good'"],
      [5, "livepatch: 'good': patching complete"],
    );
    expect(scanLog(good, { step: 'load livepatch' })).toEqual([]);
  });

  it('names the cause of a refusal once, without the lines that follow from it', () => {
    const refused = log(
      [3, "livepatch: symbol 'x' not found in symbol table"],
      [3, "livepatch: symbol 'x' not found in symbol table"],
      [4, "livepatch: failed to enable patch 'M'"],
    );
    expect(scanLog(refused, { step: 'load livepatch' }).map(({ id, step }) => [id, step])).toEqual([
      ['symbol-not-found', 'load livepatch'],
    ]);
  });

  it('keeps the follower where it is all there is', () => {
    expect(scanLog(log('Call Trace:'), { step: 's' }).map(({ id }) => id)).toEqual(['call-trace']);
  });

  it('says where an oops was', () => {
    const oops = log(
      'BUG: kernel NULL pointer dereference, address: 0000000000000000',
      'Oops: Oops: 0002 [#1] PREEMPT SMP NOPTI',
      'RIP: 0010:f+0x9/0x20 [oops]',
      'Call Trace:',
      'RIP: 0033:0x7f0000000000',
      'Kernel panic - not syncing: Fatal exception',
    );
    expect(scanLog(oops, { step: 's' })).toMatchObject([
      { id: 'null-pointer', what: expect.stringMatching(/, at f\+0x9\/0x20 \[oops\]$/), severity: 'error' },
    ]);
  });

  it("takes a driver's complaint for a note while it loads, and for an error else", () => {
    const complaint = log([3, 'drv: Failed to find the device']);
    expect(scanLog(complaint, { step: 's' })).toMatchObject([{ severity: 'error' }]);
    expect(scanLog(complaint, { step: 's', isTargetLoad: true })).toMatchObject([{ severity: 'note' }]);
    const warned = log('WARNING: CPU: 0 PID: 1 at x.c:1');
    expect(scanLog(warned, { step: 's', isTargetLoad: true })).toMatchObject([{ severity: 'error' }]);
  });

  it('notes an error message that no fault explains, and passes over one of a lower level', () => {
    expect(scanLog(log([3, 'foo: bad']), { step: 's' })).toMatchObject([
      { id: 'kernel-error-message', severity: 'note', what: 'the kernel reports an error: foo: bad' },
    ]);
    expect(scanLog(log([4, 'foo: bad']), { step: 's' })).toEqual([]);
  });
});

describe('taints', () => {
  it('O, E and K are expected; what else is new is named; what was there before is not', () => {
    expect(newTaints(0, 45056)).toEqual([]);
    expect(newTaints(0, 45056 | 512)).toEqual(['W: a warning']);
    expect(newTaints(512, 45056 | 512 | 128)).toEqual(['D: an oops']);
  });

  it('C is expected of a module of drivers/staging alone', () => {
    expect(newTaints(0, 45056 | 1024)).toEqual(['C: a staging driver']);
    expect(newTaints(0, 45056 | 1024 | 512, expectedTaint | stagingTaint)).toEqual(['W: a warning']);
  });
});
