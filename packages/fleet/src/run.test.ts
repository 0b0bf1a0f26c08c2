import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '@klpkit/host';
import type { Kernel } from '@klpkit/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MatrixState } from './database.ts';
import type { Engine } from './engine/types.ts';
import { allFixes, runMatrix } from './run.ts';
import { FolderStore } from './store/index.ts';
import { artifact } from './testing/cells.ts';
import type { Job, JobResult, Matrix, MatrixFix } from './types.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'klpkit-fleet-'));
  await writeFile(join(folder, 'vmlinuz'), 'an image');
});
afterAll(() => rm(folder, { recursive: true }));

const kernel = (release: string) => ({
  kernel: { id: `debian:${release}`, release, vmlinuz: join(folder, 'vmlinuz') } as Kernel,
});

const fix = (id: string, more: Partial<MatrixFix> = {}): MatrixFix => ({
  id,
  cves: [],
  patches: [`${id}.patch`],
  backports: [],
  releases: [],
  overrides: {},
  checks: [],
  ...more,
});

const matrix = (fixes: readonly MatrixFix[]): Matrix => ({
  name: 'web',
  kernels: [],
  fixes,
  policy: { route: 'binary', prove: true, cumulative: true, scenarios: [] },
});

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
    matrix: matrix(fixes),
    kernels: releases.map(kernel),
    patches: new Map(fixes.map(({ id }) => [`${id}.patch`, `the patch ${id}`])),
    scenarios: new Map<string, string>(),
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
