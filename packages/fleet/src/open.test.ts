import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Refusal } from '@klpkit/findings';
import type { Kernel } from '@klpkit/kernel';
import { afterAll, describe, expect, it } from 'vitest';
import { openMatrix, scenarioText, selectKernels } from './open.ts';
import { readMatrix } from './read.ts';

const folder = mkdtempSync(join(tmpdir(), 'klpkit-open-'));
afterAll(() => rmSync(folder, { recursive: true }));

const cached = [
  ['6.1.0-56-amd64', '6.1.192-2'],
  ['6.12.99+deb12-amd64', '6.12.99-1~deb12u1'],
  ['6.12.115+deb12-amd64', '6.12.115-2~deb12u1'],
  ['6.12.117+deb12-amd64', '6.12.117-1~deb12u1'],
  ['6.12.117+deb12-rt-amd64', '6.12.117-1~deb12u1'],
].map(([release, sourceVersion]) => ({ id: `debian:${release}`, release, sourceVersion }) as Kernel);

/** Ids that an entry stands for, and what is missing. */
function selected(flavours: string[], newest?: number, series = 'debian:6.12') {
  const missing: string[] = [];
  const entry = {
    id: series,
    coveredUntil: '2027-06-30',
    select: { flavours, ...(newest ? { newest } : {}) },
  };
  const kernels = selectKernels(entry, cached, (what, next) => missing.push(`${what} -> ${next}`));
  expect(kernels.every(({ coveredUntil, select }) => coveredUntil === '2027-06-30' && !select)).toBe(true);
  return { ids: kernels.map(({ id }) => id.replace('debian:', '')), missing };
}

describe('selectKernels', () => {
  it('takes the kernels of a series by flavour, the newest first', () => {
    expect(selected(['amd64', 'rt-amd64'])).toEqual({
      ids: ['6.12.117+deb12-amd64', '6.12.115+deb12-amd64', '6.12.99+deb12-amd64', '6.12.117+deb12-rt-amd64'],
      missing: [],
    });
    expect(selected(['amd64'], 2).ids).toEqual(['6.12.117+deb12-amd64', '6.12.115+deb12-amd64']);
    expect(selected(['amd64'], undefined, 'debian:6.1').ids).toEqual(['6.1.0-56-amd64']);
  });

  it('tells what to add where there are fewer than are asked for', () => {
    expect(selected(['cloud-amd64']).missing).toEqual([
      'the matrix asks for a kernel of debian:6.12-cloud-amd64, and the cache has none -> klpkit kernel add debian:6.12-cloud-amd64',
    ]);
    const { ids, missing } = selected(['rt-amd64'], 2);
    expect(ids).toEqual(['6.12.117+deb12-rt-amd64']);
    expect(missing).toEqual([expect.stringContaining('asks for the newest 2 of debian:6.12-rt-amd64')]);
  });

  it('leaves a kernel that is named as it is', () => {
    expect(selectKernels({ id: 'debian:6.12' }, cached, () => {})).toEqual([{ id: 'debian:6.12' }]);
  });
});

describe('scenarioText', () => {
  it('takes one that klpkit brings, and one beside the matrix', async () => {
    expect(await scenarioText('load-cycles', folder)).toContain('name: load-cycles');
    const own = 'name: own\nmodules:\n  mine:\nsteps:\n  - load: mine\n';
    writeFileSync(join(folder, 'own.yaml'), own);
    expect(await scenarioText('own.yaml', folder)).toBe(own);
  });

  it('refuses one that a livepatch alone cannot be taken through', async () => {
    await expect(scenarioText('nothing', folder)).rejects.toThrow('there is no scenario nothing');
    await expect(scenarioText('upgrade-chain', folder)).rejects.toThrow('a matrix gives it one livepatch');
    writeFileSync(
      join(folder, 'asks.yaml'),
      `name: asks\nmodules:\n  mine:\nparameters:\n  x:\n    summary: a\nsteps:\n  - run: \${x}\n`,
    );
    await expect(scenarioText('asks.yaml', folder)).rejects.toThrow('has the parameters x without a default');
    writeFileSync(join(folder, 'wrong.yaml'), 'name: wrong\nmodules:\n  mine:\nsteps:\n  - lod: mine\n');
    const error = await scenarioText('wrong.yaml', folder).catch((thrown: unknown) => thrown);
    expect((error as Refusal).findings[0]?.at).toMatchObject({ file: 'wrong.yaml', line: 5 });
  });
});

describe('openMatrix', () => {
  it('tells of every kernel and file that is not there at once, each with the next step', async () => {
    const text = `format: 1
kernels: [debian:9.99, {id: debian:9.98, shipped: old.ko}]
fixes: [{id: one, patch: none.patch}, {id: two, patch: there.patch}]
policy: {scenarios: [nothing]}
`;
    writeFileSync(join(folder, 'there.patch'), 'a patch');
    const matrix = readMatrix(text, 'm.yaml');
    const error = await openMatrix(matrix, { folder, file: 'm.yaml' }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Refusal);
    const { findings } = error as Refusal;
    expect(findings.map(({ what }) => what)).toEqual([
      'none.patch cannot be read: ENOENT',
      expect.stringContaining('there is no scenario nothing'),
      expect.stringContaining('no kernel debian:9.99 in the cache'),
      expect.stringContaining('no kernel debian:9.98 in the cache'),
      'old.ko cannot be read: ENOENT',
    ]);
    expect(findings.every(({ next }) => next !== undefined)).toBe(true);
  });
});
