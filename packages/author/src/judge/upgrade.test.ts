import { describe, expect, it } from 'vitest';
import { makeRelease, type Release } from '../../../livepatch/src/testing/series.ts';
import { checkUpgrade } from './upgrade.ts';

async function upgrade(older: Release, newer: Release) {
  const [before, after] = await Promise.all([makeRelease(older), makeRelease(newer)]);
  return checkUpgrade({ file: 'old.ko', bytes: before }, { file: 'new.ko', bytes: after });
}

const said = (findings: readonly { id: string; severity: string }[]) =>
  findings.map(({ id, severity }) => `${id} ${severity}`);

const alloc = (size: number) => `klp_shadow_alloc(p, 0x6b6c700043210001, ${size}, 0xcc0, 0, 0);`;
const free = 'klp_shadow_free(p, 0x6b6c700043210001, 0);';

describe('checkUpgrade', () => {
  it('says with the rules of check what a replaced livepatch leaves, and tells the way back', async () => {
    const older: Release = { name: 'fix_1', callbacks: ['post_unpatch'], states: { 7: 1 } };
    const forward = await upgrade(older, { name: 'fix_2', states: { 7: 2 } });
    expect(forward.outcome).toBe('replaces');
    expect(said(forward.findings)).toEqual(['KLP211 note']);
    expect(forward.downgrade).toMatchObject({ how: 'load', outcome: 'refused' });
    expect(said(forward.downgrade.findings)).toEqual(['KLP216 error']);
    expect(forward.downgrade.what).toContain('fix_1 cannot be loaded while fix_2 is enabled');

    const lost = await upgrade({ ...older, states: {} }, { name: 'fix_2' });
    expect([lost.outcome, said(lost.findings)]).toEqual(['replaces', ['KLP211 error']]);
    expect(lost.downgrade).toMatchObject({ how: 'load', outcome: 'replaces', findings: [] });

    const refused = await upgrade(older, { name: 'fix_2' });
    expect([refused.outcome, said(refused.findings)]).toEqual(['refused', ['KLP211 error', 'KLP216 error']]);
  });

  it('reads ids and sizes of shadow variables out of the code of both', async () => {
    const release = (name: string, size: number): Release => ({
      name,
      objects: { vmlinux: { make: alloc(size), drop: free } },
    });
    const grown = await upgrade(release('fix_1', 8), release('fix_2', 16));
    expect(grown.shadows).toMatchObject([
      {
        id: 0x6b6c_7000_4321_0001n,
        older: { sizes: [8n], allocates: true, frees: true },
        newer: { sizes: [16n] },
      },
    ]);
    expect(said(grown.findings)).toEqual(['KLP217 error']);
    expect(said((await upgrade(release('fix_1', 8), release('fix_2', 8))).findings)).toEqual([]);
    const left = await upgrade(release('fix_1', 8), {
      name: 'fix_2',
      objects: { vmlinux: { make: '', drop: '' } },
    });
    expect(said(left.findings)).toEqual(['KLP219 warning']);
  });

  it('stacks without replace, and is taken off by disabling it', async () => {
    const stacked = await upgrade({ name: 'fix_1' }, { name: 'fix_2', replace: false });
    expect([stacked.outcome, said(stacked.findings)]).toEqual(['stacks', ['KLP222 warning']]);
    expect(stacked.downgrade).toMatchObject({ how: 'disable', findings: [] });
  });

  it('names functions of the older one in which tasks may wait, and errors of the newer one alone', async () => {
    const waits = await upgrade(
      { name: 'fix_1', objects: { vmlinux: { show: 'schedule();' } } },
      { name: 'fix_2' },
    );
    expect(said(waits.findings)).toEqual(['KLP406 note']);
    const thread = 'while (!kthread_should_stop()) schedule();';
    const main: Release = { name: 'fix_2', objects: { vmlinux: { poll: thread } } };
    expect(said((await upgrade({ name: 'fix_1' }, main)).findings)).toContain('KLP402 warning');
    expect(
      said(
        (await upgrade({ ...main, name: 'fix_1' }, { ...main, objects: { vmlinux: { poll: '' } } })).findings,
      ),
    ).toEqual(['KLP402 warning', 'KLP406 note']);
    // A name with a dash is never found, but loaded; a name of 600 letters is refused.
    const never = await upgrade(
      { name: 'fix_1' },
      { name: 'fix_2', objects: { vmlinux: { show: '' }, 'a-b': { open: '' } } },
    );
    expect([never.outcome, said(never.findings)]).toEqual(['replaces', ['KLP206 error']]);
    const long = { vmlinux: { show: '', ['f'.repeat(600)]: '' } };
    const broken = await upgrade({ name: 'fix_1' }, { name: 'fix_2', objects: long });
    expect([broken.outcome, said(broken.findings)]).toEqual(['refused', ['livepatch-function error']]);
  });
});
