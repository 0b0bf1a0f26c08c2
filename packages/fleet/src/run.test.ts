import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '@klpkit/host';
import type { Kernel } from '@klpkit/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MatrixState } from './database.ts';
import type { Engine } from './engine/types.ts';
import { type OpenedKernel, runMatrix } from './run.ts';
import { allFixes } from './states.ts';
import { FolderStore } from './store/index.ts';
import { artifact, fixOf, matrixOf } from './testing/cells.ts';
import type { Job, JobResult, MatrixFix } from './types.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'klpkit-fleet-'));
  await writeFile(join(folder, 'vmlinuz'), 'an image');
});
afterAll(() => rm(folder, { recursive: true }));

const kernel = (release: string) => ({
  kernel: { id: `debian:${release}`, release, vmlinuz: join(folder, 'vmlinuz') } as Kernel,
  shipped: [],
});

const fix = fixOf;

/** Answers jobs at once, as the scheduling of real ones is asked for and not their work. */
class Answers implements Engine {
  readonly width = 4;
  readonly asked: Job[] = [];
  readonly #answer: (job: Job) => JobResult;
  constructor(answer: (job: Job) => JobResult = good) {
    this.#answer = answer;
  }
  async run(_key: string, job: Job): Promise<JobResult> {
    this.asked.push(job);
    return this.#answer(job);
  }
  async close(): Promise<void> {}
}

/** What good jobs put into the store. */
const made = ['a module', 'a report', 'a page', 'a proof'] as const;
const [digest, report, page, proof] = made.map((text) => sha256Hex(text)) as [string, string, string, string];

function good(job: Job): JobResult {
  return job.kind === 'build'
    ? {
        kind: 'build',
        outcome: 'built',
        artifact: { ...artifact(`${job.name}.ko`, 'f'), digest, report, page },
        group: 'g',
        findings: [],
      }
    : { kind: 'prove', outcome: 'proven', findings: [], proof };
}

let runs = 0;
async function request(
  fixes: readonly MatrixFix[],
  releases: readonly string[],
  engine: Engine,
  place = `${runs++}`,
) {
  const store = new FolderStore(join(folder, place, 'store'));
  for (const text of made) await store.put(text);
  return {
    matrix: matrixOf(fixes),
    kernels: releases.map(kernel),
    patches: new Map(fixes.map(({ id }) => [`${id}.patch`, `the patch ${id}`])),
    scenarios: new Map<string, string>(),
    asOf: '2026-11-30',
    released: [],
    store,
    engine,
    state: new MatrixState(join(folder, place)),
  };
}

describe('runMatrix', () => {
  it('takes each fix of each kernel to an end, and then all good fixes together', async () => {
    const engine = new Answers();
    const { cells, jobs } = await runMatrix(await request([fix('one'), fix('two')], ['6.12', '6.1'], engine));
    expect(cells.map(({ release, fix: id, state }) => `${release} ${id} ${state}`)).toEqual([
      '6.12 one proven',
      '6.12 two proven',
      '6.12 * released',
      '6.1 one proven',
      '6.1 two proven',
      '6.1 * released',
    ]);
    expect(jobs).toEqual({ done: 12, kept: 0 });
    const together = engine.asked.find((job) => job.kind === 'build' && job.name === 'livepatch_web');
    expect(together).toMatchObject({ patches: [{ name: 'one.patch' }, { name: 'two.patch' }] });
  });

  it('does nothing twice that was finished, and again what failed or changed', async () => {
    const fixes = [fix('one'), fix('two')];
    const failing = new Answers((job) =>
      job.kind === 'build' && job.name.endsWith('two')
        ? { kind: 'failed', class: 'resource', message: 'no room' }
        : good(job),
    );
    const first = await runMatrix(await request(fixes, ['6.12'], failing, 'again'));
    expect(first.cells.map(({ state }) => state)).toEqual(['proven', 'failed', 'released']);
    const second = new Answers();
    const { cells, jobs } = await runMatrix(await request(fixes, ['6.12'], second, 'again'));
    expect(cells.map(({ state }) => state)).toEqual(['proven', 'proven', 'released']);
    // one is known; two and the livepatch of both are not. The proof of a module that is the same is known as well.
    expect(jobs.kept).toBeGreaterThanOrEqual(2);
    expect(second.asked.map((job) => job.kind === 'build' && job.name)).toContain('livepatch_two');
    expect(second.asked.map((job) => job.kind === 'build' && job.name)).not.toContain('livepatch_one');
    const third = new Answers();
    await runMatrix(await request(fixes, ['6.12'], third, 'again'));
    expect(third.asked).toEqual([]);
    const changed = new Answers();
    const edited = await request(fixes, ['6.12'], changed, 'again');
    await runMatrix({ ...edited, patches: new Map([...edited.patches, ['one.patch', 'another text']]) });
    expect(changed.asked.map((job) => job.kind === 'build' && job.name)).toContain('livepatch_one');
  });

  it('makes again what was lost of the store, or was cut short', async () => {
    const run = async () => {
      const engine = new Answers();
      const { cells, jobs } = await runMatrix(await request([fix('one')], ['6.12'], engine, 'lost'));
      expect(cells.map(({ state }) => state)).toEqual(['proven', 'released']);
      return { asked: engine.asked.map(({ kind }) => kind), jobs };
    };
    expect((await run()).asked).toHaveLength(4);
    expect((await run()).asked).toEqual([]);
    const store = join(folder, 'lost/store');
    for (const name of await readdir(join(store, 'results'), { recursive: true }))
      if (name.endsWith('.json')) await writeFile(join(store, 'results', name), '{"kind":"bui');
    expect((await run()).asked).toHaveLength(4);
    const engine = new Answers();
    const lost = await request([fix('one')], ['6.12'], engine, 'lost');
    await rm(join(store, 'objects', report.slice(0, 2), report));
    await runMatrix(lost);
    expect(engine.asked.map(({ kind }) => kind)).toEqual(['build', 'build']);
  });

  it('begins nothing more when the store is lost, and ends when what runs has ended', async () => {
    const lost = Object.assign(new Error('the store is lost'), { name: 'StoreError' });
    const engine = new Answers();
    const given = await request([fix('one'), fix('two'), fix('three')], ['6.12', '6.1'], engine);
    let kept = 0;
    given.store.keep = async () => {
      if (++kept === 1) throw lost;
    };
    await expect(runMatrix(given)).rejects.toBe(lost);
    const { length } = engine.asked;
    expect(length).toBeLessThan(12);
    given.state.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(engine.asked).toHaveLength(length);
  });

  it('leaves what is not good out of the livepatch of all, and says why it is out', async () => {
    const engine = new Answers((job) =>
      job.kind === 'build' && job.name.endsWith('bad')
        ? {
            kind: 'build',
            outcome: 'refused',
            findings: [
              { id: 'KLP502', severity: 'error', what: 'a layout changes', next: 'a shadow variable' },
            ],
          }
        : good(job),
    );
    const fixes = [
      fix('one'),
      fix('bad'),
      fix('old', { releases: ['5.'] }),
      fix('never', { unpatchable: 'changes the boot' }),
    ];
    const { cells } = await runMatrix(await request(fixes, ['6.12'], engine));
    expect(cells.map(({ fix: id, state, reason }) => `${id} ${state}: ${reason}`)).toEqual([
      'one proven: replaces f',
      'bad refused: a layout changes',
      'old not-for-this-kernel: the fix is for 5.',
      'never unpatchable: changes the boot',
      '* released: replaces f',
    ]);
  });

  it('takes backports and releases number for number', async () => {
    const engine = new Answers();
    const given = await request(
      [
        fix('one', { backports: [{ release: '6.1', patches: ['one-6.1.patch'] }] }),
        fix('old', { releases: ['6.1', '5.10.'] }),
      ],
      ['6.12.117', '6.1.0-56', '5.10.2'],
      engine,
    );
    const patches = new Map([...given.patches, ['one-6.1.patch', 'the patch one for 6.1']]);
    const { cells } = await runMatrix({ ...given, patches });
    expect(cells.map(({ fix: id, state }) => `${id} ${state}`)).toEqual([
      ...['one proven', 'old not-for-this-kernel', '* released'],
      ...['one proven', 'old proven', '* released'],
      ...['one proven', 'old proven', '* released'],
    ]);
    const builds = engine.asked.filter((job) => job.kind === 'build' && job.name.endsWith('one'));
    expect(
      builds.map((job) => job.kind === 'build' && `${job.kernel.id} ${job.patches.map(({ name }) => name)}`),
    ).toEqual(
      expect.arrayContaining([
        'debian:6.12.117 one.patch',
        'debian:6.1.0-56 one-6.1.patch',
        'debian:5.10.2 one.patch',
      ]),
    );
  });

  it('does nothing for kernels whose coverage has ended, and leaves withdrawn fixes out', async () => {
    const engine = new Answers();
    const given = await request(
      [fix('one'), fix('bad', { withdrawn: { by: 'Jo', reason: 'it loses writes' } })],
      ['6.1', '6.12'],
      engine,
    );
    const [old, now] = given.kernels;
    const kernels = [
      { ...old, coveredUntil: '2026-11-29' },
      { ...now, coveredUntil: '2026-11-30' },
    ] as OpenedKernel[];
    const { cells } = await runMatrix({ ...given, kernels });
    expect(
      cells.map(({ release, fix: id, state, reason }) => `${release} ${id} ${state}: ${reason}`),
    ).toEqual([
      '6.1 one expired: the kernel was covered until 2026-11-29',
      '6.1 bad expired: the kernel was covered until 2026-11-29',
      '6.1 * expired: the kernel was covered until 2026-11-29',
      '6.12 one proven: replaces f',
      '6.12 bad withdrawn: withdrawn by Jo: it loses writes',
      '6.12 * released: replaces f',
    ]);
    expect(cells[0]?.next).toMatch(/^boot debian:6\.12, where a livepatch brings the fix/);
    expect(engine.asked.some((job) => job.kind === 'build' && job.kernel.id === 'debian:6.1')).toBe(false);
    const all = engine.asked.find((job) => job.kind === 'build' && job.name === 'livepatch_web');
    expect(all).toMatchObject({ patches: [{ name: 'one.patch' }] });
  });

  it('takes a mitigation into the livepatch, and never counts it as the fix', async () => {
    const fixes = [
      fix('one', { cves: ['CVE-2026-0001'] }),
      fix('stub', { cves: ['CVE-2026-0002'], mitigation: 'the call ends with -EPERM' }),
      fix('bad', { mitigation: 'it would help' }),
    ];
    const engine = new Answers((job) =>
      job.kind === 'build' && job.name.endsWith('bad')
        ? { kind: 'build', outcome: 'refused', findings: [] }
        : good(job),
    );
    const { cells } = await runMatrix(await request(fixes, ['6.12'], engine));
    expect(cells.map(({ fix: id, state, cves }) => `${id} ${state} ${cves.join()}`)).toEqual([
      'one proven CVE-2026-0001',
      'stub mitigated CVE-2026-0002',
      'bad refused ',
      '* released CVE-2026-0001',
    ]);
    const all = engine.asked.find((job) => job.kind === 'build' && job.name === 'livepatch_web');
    expect(all).toMatchObject({ patches: [{ name: 'one.patch' }, { name: 'stub.patch' }] });
  });

  it('gives the livepatch of all what it must follow, and lets no withdrawn one out again', async () => {
    const engine = new Answers();
    const given = await request([fix('one')], ['6.12'], engine);
    const bytes = new TextEncoder().encode('an older livepatch');
    const input = { name: 'old.ko', digest: sha256Hex(bytes) };
    const kernels = given.kernels.map((one) => ({ ...one, shipped: [{ input, bytes }] }));
    const past = {
      kernel: 'debian:6.12',
      file: 'web.ko',
      name: 'livepatch_web',
      sha256: digest,
      proven: digest,
      fixes: ['one'],
      folder: 'releases/1',
      reason: 'withdrawn by Jo: bad',
    };
    const { cells } = await runMatrix({ ...given, kernels, released: [{ ...past, state: 'withdrawn' }] });
    expect(cells.map(({ state }) => state)).toEqual(['proven', 'withdrawn']);
    const builds = engine.asked.filter((job) => job.kind === 'build');
    expect(builds.map(({ shipped }) => shipped)).toEqual([undefined, [input]]);
    expect(new TextDecoder().decode(await given.store.get(input.digest))).toBe('an older livepatch');
    const again = await runMatrix({ ...given, kernels, released: [{ ...past, state: 'superseded' }] });
    expect(again.cells.map(({ state }) => state)).toEqual(['proven', 'released']);
  });

  it('does not call a kernel unaffected where fixes do not go together', async () => {
    const engine = new Answers((job) =>
      job.kind === 'build' && job.name.endsWith('web')
        ? {
            kind: 'build',
            outcome: 'fixed',
            findings: [{ id: 'patch-already-applied', severity: 'error', what: 'two: it is there' }],
          }
        : good(job),
    );
    const { cells } = await runMatrix(await request([fix('one'), fix('two')], ['6.12'], engine));
    expect(cells.at(-1)).toMatchObject({ fix: allFixes, state: 'does-not-apply' });
  });

  it('takes a thousand cells to their end', async () => {
    const fixes = Array.from({ length: 100 }, (_, i) => fix(`fix-${i}`));
    const releases = Array.from({ length: 10 }, (_, i) => `6.${i}`);
    const { cells } = await runMatrix(await request(fixes, releases, new Answers()));
    expect(cells).toHaveLength(1010);
    expect(new Set(cells.map(({ state }) => state))).toEqual(new Set(['proven', 'released']));
  });
});
