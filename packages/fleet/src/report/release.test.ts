import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@klpkit/host';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FolderStore } from '../store/index.ts';
import { artifact, cell, fixOf, matrixOf, reportFacts } from '../testing/cells.ts';
import type { Cell } from '../types.ts';
import { writeRelease } from './release.ts';

let folder = '';
let store: FolderStore;
let cells: Cell[];
const matrix = matrixOf([fixOf('one', { title: 'A fix', cves: ['CVE-2026-1234'] })]);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'klpkit-release-'));
  store = new FolderStore(join(folder, 'store'));
  const made = {
    ...artifact('livepatch-web.ko', 'f', 'g'),
    digest: await store.put('a module'),
    size: 8,
    report: await store.put('{}'),
    page: await store.put('<html>'),
  };
  cells = [
    cell('6.12', 'one', 'proven', { cves: ['CVE-2026-1234'], group: 'a group' }),
    cell('6.12', 'two', 'refused'),
    cell('6.12', '*', 'released', { artifact: made, group: 'all of them', coveredUntil: '2027-06-30' }),
    cell('6.1', 'one', 'fixed'),
    cell('6.1', '*', 'not-affected'),
    // Built, but its proof failed: it must not get out.
    cell('5.10', 'one', 'proven'),
    cell('5.10', '*', 'disproven', { artifact: made }),
  ];
});
afterAll(() => rm(folder, { recursive: true }));

describe('writeRelease', () => {
  it('writes what is released, and nothing else, with sums that hold', async () => {
    const out = join(folder, 'out');
    const manifest = await writeRelease(out, matrix, cells, reportFacts, store);
    expect(JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'))).toEqual(manifest);
    expect(manifest.kernels.map(({ kernel }) => kernel)).toEqual(['debian:6.12']);
    const [kernel] = manifest.kernels;
    expect(kernel).toMatchObject({
      release: '6.12',
      coveredUntil: '2027-06-30',
      module: { name: 'livepatch_web', file: 'debian-6.12/livepatch-web.ko', size: 8 },
      fixes: [{ id: 'one', title: 'A fix', cves: ['CVE-2026-1234'], group: 'a group' }],
      objects: [{ name: 'vmlinux', functions: ['f', 'g'] }],
      group: 'all of them',
      inputs: '0'.repeat(64),
    });
    expect(kernel?.module.sha256).toBe(kernel?.module.proven);
    const { stdout } = await run(['sha256sum', '--strict', '-c', 'SHA256SUMS'], { cwd: out });
    expect(stdout.trim().split('\n')).toEqual([
      'debian-6.12/livepatch-web.html: OK',
      'debian-6.12/livepatch-web.json: OK',
      'debian-6.12/livepatch-web.ko: OK',
      'manifest.json: OK',
    ]);
  });

  it('gives the same bytes again', async () => {
    for (const out of ['a', 'b']) await writeRelease(join(folder, out), matrix, cells, reportFacts, store);
    for (const file of ['manifest.json', 'SHA256SUMS'])
      expect(readFileSync(join(folder, 'a', file))).toEqual(readFileSync(join(folder, 'b', file)));
  });

  it('writes over no release, and leaves nothing half-written', async () => {
    const out = join(folder, 'twice');
    await writeRelease(out, matrix, cells, reportFacts, store);
    await expect(writeRelease(out, matrix, cells, reportFacts, store)).rejects.toThrow('is there already');
    const none = cells.filter(({ state }) => state !== 'released');
    await expect(writeRelease(join(folder, 'none'), matrix, none, reportFacts, store)).rejects.toThrow(
      'no kernel of the matrix',
    );
    const lost = new FolderStore(join(folder, 'lost'));
    await lost.put('another module');
    await expect(writeRelease(join(folder, 'none'), matrix, cells, reportFacts, lost)).rejects.toThrow(
      /the store .* has no/,
    );
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });

  it('tells what it follows, what only helps, and what is withdrawn', async () => {
    const past = (version: string, state: 'superseded' | 'released' | 'withdrawn') => ({
      kernel: 'debian:6.12',
      file: 'a.ko',
      name: `livepatch_web_${version}`,
      sha256: version.repeat(64),
      proven: version.repeat(64),
      fixes: [],
      folder: `releases/${version}`,
      version,
      state,
      ...(state === 'withdrawn' ? { reason: 'withdrawn by Jo: oops' } : {}),
    });
    const facts = {
      ...reportFacts,
      released: [past('1', 'superseded'), past('2', 'released'), past('3', 'withdrawn')],
    };
    const more = [...cells, cell('6.12', 'stub', 'mitigated', { cves: ['CVE-2026-2222'] })];
    const of = matrixOf([...matrix.fixes, fixOf('stub', { mitigation: 'the call ends with -EPERM' })]);
    const manifest = await writeRelease(join(folder, 'four'), of, more, facts, store, {
      version: '4',
      notice: 'N-4',
    });
    expect(manifest).toMatchObject({
      version: '4',
      notice: 'N-4',
      withdrawn: [
        {
          kernel: 'debian:6.12',
          name: 'livepatch_web_3',
          version: '3',
          sha256: '3'.repeat(64),
          reason: 'withdrawn by Jo: oops',
        },
      ],
    });
    const [kernel] = manifest.kernels;
    expect(kernel?.follows).toEqual([
      { sha256: '3'.repeat(64), version: '3' },
      { sha256: '2'.repeat(64), version: '2' },
    ]);
    expect(kernel?.fixes.map(({ id, mitigation }) => [id, mitigation])).toEqual([
      ['one', undefined],
      ['stub', 'the call ends with -EPERM'],
    ]);
  });

  it('lets nothing out that was derived from something else', async () => {
    const stale = cells.map((one) =>
      one.fix === '*' && one.artifact ? { ...one, isStale: true as const } : one,
    );
    await expect(writeRelease(join(folder, 'stale'), matrix, stale, reportFacts, store)).rejects.toThrow(
      'the matrix has changed since the livepatch of debian:6.12, debian:5.10 was proven',
    );
    expect(existsSync(join(folder, 'stale'))).toBe(false);
  });
});
