import { describe, expect, it } from 'vitest';
import { readLivepatch } from '../read.ts';
import { makeRelease, type Release } from '../testing/series.ts';
import { compareUpgrade, type UpgradeSide } from './index.ts';

async function upgrade(
  older: Release,
  newer: Release,
  more: { readonly older?: Partial<UpgradeSide>; readonly newer?: Partial<UpgradeSide> } = {},
) {
  const [before, after] = await Promise.all([makeRelease(older), makeRelease(newer)]);
  return compareUpgrade(
    { livepatch: readLivepatch(before), ...more.older },
    { livepatch: readLivepatch(after), ...more.newer },
  );
}

const ids = ({ findings }: { findings: readonly { id: string }[] }) => findings.map(({ id }) => id);

describe('one livepatch after another', () => {
  it('tells whose code runs of each function', async () => {
    const older: Release = {
      name: 'fix_1',
      objects: { vmlinux: { show: '', gone: '' }, loop: { ioctl: '' } },
      callbacks: ['pre_patch', 'post_unpatch'],
    };
    const objects = { vmlinux: { show: '', fresh: '' } };
    const replaced = await upgrade(older, { name: 'fix_2', objects });
    expect(replaced.outcome).toBe('replaces');
    expect(replaced.objects).toEqual([
      { name: 'vmlinux', change: 'kept' },
      { name: 'loop', change: 'dropped' },
    ]);
    expect(replaced.functions.map(({ object, name, runs }) => `${object} ${name} ${runs}`)).toEqual([
      'vmlinux fresh newer',
      'vmlinux gone kernel',
      'vmlinux show newer',
      'loop ioctl kernel',
    ]);
    expect(replaced.callbacks.map(({ of, name, runs }) => `${of} ${name} ${runs}`)).toEqual([
      'older pre_patch ran',
      'older post_unpatch never',
    ]);
    const [dropped, ...others] = replaced.findings;
    expect(dropped).toMatchObject({ id: 'KLP411', severity: 'warning' });
    expect(dropped?.what).toContain('gone and ioctl of loop are replaced by fix_1 and not by fix_2');
    expect(dropped?.why).toContain('what its callbacks changed stays');
    expect(others).toEqual([]);

    const stacked = await upgrade(older, { name: 'fix_2', objects, replace: false });
    expect(stacked.outcome).toBe('stacks');
    expect(stacked.functions.map(({ name, runs }) => `${name} ${runs}`)).toEqual([
      'fresh newer',
      'gone older',
      'show newer',
      'ioctl older',
    ]);
    expect(stacked.callbacks.map(({ runs }) => runs)).toEqual(['ran', 'when-disabled']);
    expect(stacked.findings).toEqual([]);
  });

  it('refuses by the rule of the kernel for states, in both directions', async () => {
    const at = (name: string, states: Release['states'], replace = true): Release => ({
      name,
      replace,
      ...(states ? { states } : {}),
    });
    const raised = await upgrade(at('fix_1', { 7: 1 }), at('fix_2', { 7: 2, 9: 1 }));
    expect(raised.outcome).toBe('replaces');
    expect(raised.states).toEqual([
      { id: 7, older: 1, newer: 2, isCompatible: true },
      { id: 9, newer: 1, isCompatible: true },
    ]);
    expect((await upgrade(at('fix_2', { 7: 2, 9: 1 }), at('fix_1', { 7: 1 }))).states).toEqual([
      { id: 7, older: 2, newer: 1, isCompatible: false },
      { id: 9, older: 1, isCompatible: false },
    ]);
    expect((await upgrade(at('fix_1', { 7: 1 }), at('fix_2', {}))).outcome).toBe('refused');
    // Without replace a state may be missing, but not be lower.
    expect((await upgrade(at('fix_1', { 7: 1 }), at('fix_2', {}, false))).outcome).toBe('stacks');
    expect((await upgrade(at('fix_1', { 7: 2 }), at('fix_2', { 7: 1 }, false))).outcome).toBe('refused');
  });

  it('refuses a second module of the same name, and one for another kernel', async () => {
    const same = await upgrade({ name: 'fix' }, { name: 'fix' });
    expect([same.outcome, ids(same)]).toEqual(['refused', ['upgrade-same-name']]);
    const other = await upgrade({ name: 'fix_1' }, { name: 'fix_2', vermagic: '6.1.0 SMP ' });
    expect([other.outcome, ids(other)]).toEqual(['refused', ['KLP224']]);
    const fine = await upgrade({ name: 'fix_1' }, { name: 'fix_2' });
    expect([fine.outcome, ids(fine)]).toEqual(['replaces', []]);
  });

  it('tells of shadow variables that nobody looks after, and of where tasks may wait', async () => {
    const use = { id: 0x4321_0001n, sizes: [8n], allocates: true, reads: false, frees: true };
    const waiting = [{ object: 'vmlinux', name: 'show', calls: ['schedule'] }];
    const [older, newer] = [{ name: 'fix_1' }, { name: 'fix_2' }];
    const left = await upgrade(older, newer, { older: { shadows: [use], waiting }, newer: { shadows: [] } });
    expect(left.findings.map(({ id, severity }) => `${id} ${severity}`)).toEqual([
      'KLP219 warning',
      'KLP406 note',
    ]);
    expect(left.findings[0]?.what).toContain('id 0x43210001 of fix_1 are not known to fix_2');
    expect(left.shadows).toEqual([{ id: use.id, older: use }]);
    const known = { shadows: [{ ...use, allocates: false }] };
    expect(ids(await upgrade(older, newer, { older: { shadows: [use] }, newer: known }))).toEqual([]);
    // Below a livepatch that does not replace it, the older one stays and goes on looking after them.
    const stacked = { ...newer, replace: false };
    expect(ids(await upgrade(older, stacked, { older: { shadows: [use] }, newer: { shadows: [] } }))).toEqual(
      [],
    );
    expect(
      ids(
        await upgrade(
          older,
          { ...newer, objects: { vmlinux: { other: '' } }, replace: false },
          { older: { waiting } },
        ),
      ),
    ).toEqual([]);
  });
});
