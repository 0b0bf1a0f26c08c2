import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '@klpkit/host';
import { afterAll, describe, expect, it } from 'vitest';
import { MatrixState } from './database.ts';
import { Plan } from './plan.ts';
import { entryOf, type StandingSources, standingCells, unseenKernels, withoutWithdrawn } from './standing.ts';
import { allFixes } from './states.ts';
import { artifact, cell, fixOf, matrixOf } from './testing/cells.ts';
import type { Cell, Matrix, MatrixKernel } from './types.ts';

const folder = mkdtempSync(join(tmpdir(), 'klpkit-standing-'));
afterAll(() => rmSync(folder, { recursive: true }));

const release = '6.12.117+deb12-amd64';
const kernel = { id: `debian:${release}`, release, image: sha256Hex('an image') };
const fixes = [fixOf('one'), fixOf('two')];
const patches = new Map(fixes.map(({ id }) => [`${id}.patch`, `the patch ${id}`]));
const matrix = (of = fixes, more: Partial<Matrix> = {}): Matrix => ({
  ...matrixOf(of),
  kernels: [{ id: 'debian:6.12', coveredUntil: '2026-12-10' }],
  ...more,
});

/** What a run of this matrix leaves, had it proven all. */
const sources = (of = matrix()): StandingSources => {
  const state = new MatrixState(join(folder, `${Math.random()}`));
  const planned = { ...kernel, coveredUntil: '2026-12-10', shipped: [] };
  const base = { matrix: of, patches, scenarios: new Map(), asOf: '2026-11-30' };
  const plan = new Plan(base);
  state.begin([kernel], [...of.fixes.map(({ id }) => id), allFixes]);
  const done = (entry: ReturnType<Plan['fix']>, how: Cell['state']): Cell =>
    'end' in entry
      ? entry.end
      : { ...entry.head, state: how, reason: 'proven', findings: [], artifact: artifact('a.ko', 'f') };
  const cells = of.fixes.map((fix) => done(plan.fix(planned, fix), 'proven'));
  for (const one of [...cells, done(plan.release(planned, cells), 'released')]) state.write(one);
  const rows = state.rows();
  state.close();
  return { ...base, kernels: [kernel], rows, shipped: () => [] };
};

const states = (of: StandingSources) =>
  standingCells(of).map(
    ({ fix, state, isStale }) => `${fix} ${state}${isStale === undefined ? '' : ', stale'}`,
  );

describe('standingCells', () => {
  it('holds what the last run found out while nothing has changed', () => {
    expect(states(sources())).toEqual(['one proven', 'two proven', '* released']);
  });

  it('calls stale what was derived from another patch, policy, image or livepatch in the field', () => {
    const of = sources();
    const edited = new Map([...patches, ['two.patch', 'another text']]);
    expect(states({ ...of, patches: edited })).toEqual([
      'one proven',
      'two proven, stale',
      '* released, stale',
    ]);
    const gone = new Map([['one.patch', 'the patch one']]);
    expect(states({ ...of, patches: gone })).toEqual([
      'one proven',
      'two proven, stale',
      '* released, stale',
    ]);
    const strict = matrix(fixes, { policy: { ...of.matrix.policy, maxWarnings: 0 } });
    expect(states({ ...of, matrix: strict }).every((one) => one.endsWith('stale'))).toBe(true);
    const patient = matrix(fixes, { policy: { ...of.matrix.policy, warnDays: 90 } });
    expect(states({ ...of, matrix: patient })).toEqual(states(of));
    const image = [{ ...kernel, image: sha256Hex('another image') }];
    expect(states({ ...of, kernels: image }).every((one) => one.endsWith('stale'))).toBe(true);
    const shipped = () => [{ name: 'old.ko', digest: sha256Hex('old') }];
    expect(states({ ...of, shipped })).toEqual(['one proven', 'two proven', '* released, stale']);
    const mitigation = matrix([fixOf('one'), fixOf('two', { mitigation: 'off' })]);
    expect(states({ ...of, matrix: mitigation })[1]).toBe('two proven, stale');
  });

  it('takes at once what follows from the matrix alone', () => {
    const of = sources();
    const withdrawn = matrix([fixOf('one'), fixOf('two', { withdrawn: { by: 'Jo', reason: 'bad' } })]);
    expect(states({ ...of, matrix: withdrawn })).toEqual([
      'one proven',
      'two withdrawn',
      '* released, stale',
    ]);
    expect(states({ ...of, asOf: '2026-12-10' })).toEqual(['one proven', 'two proven', '* released']);
    expect(states({ ...of, asOf: '2026-12-11' })).toEqual(['one expired', 'two expired', '* expired']);
    const longer = matrix(fixes, { kernels: [{ id: 'debian:6.12' }] });
    expect(standingCells({ ...of, matrix: longer, asOf: '2026-12-11' })[0]).not.toHaveProperty(
      'coveredUntil',
    );
  });

  it('shows what no run was at, and what one is at', () => {
    const of = sources();
    const more = matrix([...fixes, fixOf('three')]);
    expect(states({ ...of, matrix: more })).toEqual([
      'one proven',
      'two proven',
      'three unknown',
      '* released',
    ]);
    const rows = of.rows.map((row) => ({ ...row, step: { one: 'build', two: 'prove' }[row.fix] ?? '' }));
    expect(states({ ...of, rows })).toEqual(['one building', 'two proving', '* not-affected']);
  });

  it('leaves out kernels that the matrix no longer has', () => {
    const of = sources();
    const other = matrix(fixes, { kernels: [{ id: 'debian:6.1' }] });
    expect(states({ ...of, matrix: other })).toEqual([]);
  });

  it('names entries that no run has seen a kernel of', () => {
    const { matrix: of, kernels } = sources();
    expect(unseenKernels(of, kernels)).toEqual([]);
    const more = { ...of, kernels: [...of.kernels, { id: 'debian:6.1' }] };
    expect(unseenKernels(more, kernels)).toEqual(['debian:6.1']);
  });
});

describe('entryOf', () => {
  const of = matrix(fixes, {
    kernels: [
      { id: 'debian:6.1' },
      { id: 'debian:6.12', select: { flavours: ['amd64', 'rt-amd64'] } },
      { id: 'debian:6.12.115+deb12-amd64' },
      { id: 'debian:6.12-cloud-amd64' },
      { id: 'debian:5.10.2' },
    ],
  });
  it.each([
    ['6.1.0-56-amd64', 0],
    ['6.12.117+deb12-amd64', 1],
    ['6.12.117+deb12-rt-amd64', 1],
    ['6.12.115+deb12-amd64', 2],
    ['6.12.117+deb12-cloud-amd64', 3],
    ['5.10.2-amd64', 4],
    ['5.10.20-amd64', -1],
    ['6.1.0-56-cloud-amd64', -1],
  ])('finds that of %s', (release, index) => {
    expect(of.kernels.indexOf(entryOf(of, { id: `debian:${release}`, release }) as MatrixKernel)).toBe(index);
  });
});

describe('withoutWithdrawn', () => {
  it('lets no livepatch out again that was withdrawn, and any other', () => {
    const made = artifact('a.ko', 'f');
    const released = cell('6.12', allFixes, 'released', { artifact: made });
    const past = {
      kernel: released.kernel,
      file: 'a.ko',
      name: 'a',
      sha256: 'b'.repeat(64),
      proven: made.digest,
      fixes: [],
      folder: 'releases/1',
      state: 'withdrawn' as const,
      reason: 'withdrawn by Jo: bad',
    };
    expect(withoutWithdrawn(released, [past])).toMatchObject({
      state: 'withdrawn',
      reason: 'it is a of releases/1 to the byte, withdrawn by Jo: bad',
    });
    for (const other of [
      { ...past, state: 'superseded' as const },
      { ...past, proven: 'c'.repeat(64) },
      { ...past, kernel: 'debian:6.1' },
    ])
      expect(withoutWithdrawn(released, [other])).toEqual(released);
  });
});
