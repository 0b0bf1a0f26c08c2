import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cell, ReleaseManifest } from '@klpkit/fleet';
import { splitSignature } from '@klpkit/formats';
import { run, sha256Hex } from '@klpkit/host';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKeys } from '../../fleet/src/testing/keys.ts';
import { answerOf, ended, MatrixFolder, until } from './testing/matrix.ts';

let matrix: MatrixFolder;
/** What the embedded engine gave. */
let first: Cell[] = [];
beforeAll(async () => {
  matrix = await MatrixFolder.make();
});
afterAll(() => matrix.remove());

describe('klpkit matrix', () => {
  it('takes each fix to its end, though it is killed on the way', async () => {
    const killed = matrix.start(['matrix', 'run', 'matrix.yaml']);
    await until('the first cell', () => killed.said.includes('does-not-apply'));
    killed.kill('SIGKILL');
    await ended(killed);
    const { code, cells, jobs } = await matrix.run();
    first = cells;
    expect(cells.map(({ fix, state }) => `${fix} ${state}`)).toEqual([
      'good proven',
      'stale does-not-apply',
      'bad refused',
      '* released',
    ]);
    expect(code).toBe(1);
    expect(jobs.kept).toBeGreaterThan(0);
    expect((await matrix.run()).jobs.done).toBe(0);
  });

  it('disproves what does not stand a scenario of the policy', async () => {
    const scenario = 'name: wrong\nmodules:\n  mine:\nsteps:\n  - load: mine\n  - run: "false"\n';
    writeFileSync(matrix.at('wrong.yaml'), scenario);
    const text = readFileSync(matrix.at('matrix.yaml'), 'utf8')
      .replace('life.yaml', 'wrong.yaml')
      .replace(/^ {2}- \{ id: .*\n/gm, '');
    writeFileSync(matrix.at('strict.yaml'), text);
    const child = matrix.start(['matrix', 'run', 'strict.yaml', '--json', '--store', 'matrix.state/store']);
    const { cells, code } = await answerOf(child);
    expect(code).toBe(1);
    expect(cells.map(({ fix, state, reason }) => `${fix} ${state}: ${reason}`)).toEqual([
      expect.stringMatching(/^good disproven: the scenario wrong failed at step 2, run false/),
      '* not-affected: no fix has a livepatch for this kernel',
    ]);
    expect(cells[0]?.next).toMatch(/^klpkit prove livepatch-good\.ko --kernel \S+ --scenario wrong$/);
  });

  it('makes livepatches by the source route as well, and calls those equal whose C is', async () => {
    const [head = ''] = readFileSync(matrix.at('matrix.yaml'), 'utf8').split('policy:');
    const text = head.replace(/^ {2}- \{ id: .*\n/gm, '');
    const policy = 'policy: { route: source, prove: false, cumulative: false }\n';
    const fix = readFileSync(matrix.at('patches/good.patch'), 'utf8');
    expect(fix).toContain('Subject: [PATCH] proc');
    writeFileSync(
      matrix.at('patches/again.patch'),
      fix.replace('Subject: [PATCH] proc', 'Subject: [PATCH v2] proc'),
    );
    const made: Cell[] = [];
    for (const patch of ['good', 'again']) {
      writeFileSync(matrix.at(`source-${patch}.yaml`), text.replace('good.patch', `${patch}.patch`) + policy);
      const { cells, jobs } = await answerOf(
        matrix.start(['matrix', 'run', `source-${patch}.yaml`, '--json', '--store', 'source.store']),
      );
      expect(cells.map(({ fix: id, state }) => `${id} ${state}`)).toEqual(['good built']);
      expect(jobs).toEqual({ done: 1, kept: 0 });
      made.push(...cells);
    }
    const [one, other] = made;
    expect(one?.artifact?.objects).toEqual(first[0]?.artifact?.objects);
    expect(one?.artifact?.digest).not.toBe(first[0]?.artifact?.digest);
    expect(one?.group).not.toBe(first[0]?.group);
    expect(other?.group).toBe(one?.group);
  });

  it('reports from the state alone', async () => {
    const files = ['--html', 'page', '--csv', 'cells.csv', '--openvex', 'vex.json'];
    const child = matrix.start(['matrix', 'report', 'matrix.yaml', ...files]);
    expect(await ended(child)).toBe(1);
    expect(child.said).toContain('in it: good');
    expect(readFileSync(matrix.at('cells.csv'), 'utf8').split('\r\n')).toHaveLength(6);
    const vex = JSON.parse(readFileSync(matrix.at('vex.json'), 'utf8')) as {
      statements: { status: string }[];
    };
    expect(vex.statements.map(({ status }) => status)).toEqual(['fixed', 'affected']);
    const page = readFileSync(matrix.at('page/index.html'), 'utf8');
    const [, report = ''] = /href="(reports\/[0-9a-f]+\.html)"/.exec(page) ?? [];
    expect(existsSync(matrix.at(join('page', report)))).toBe(true);
  });

  it('releases what was proven, signed', async () => {
    await makeKeys(matrix.folder);
    const signing = ['--key', 'key.pem', '--cert', 'cert.pem'];
    expect(
      await ended(matrix.start(['matrix', 'report', 'matrix.yaml', '--release', 'out', ...signing])),
    ).toBe(1);
    const { kernels } = JSON.parse(readFileSync(matrix.at('out/manifest.json'), 'utf8')) as ReleaseManifest;
    expect(kernels.map(({ fixes }) => fixes.map(({ id, cves }) => ({ id, cves })))).toEqual([
      [{ id: 'good', cves: ['CVE-2026-1234'] }],
    ]);
    const file = join('out', kernels[0]?.module.file ?? '');
    const { module } = splitSignature(readFileSync(matrix.at(file)));
    expect(sha256Hex(module)).toBe(kernels[0]?.module.proven);
    expect(await ended(matrix.start(['sign', file, '--verify', '--cert', 'cert.pem']))).toBe(0);
    expect(await ended(matrix.start(['sign', file, '--verify', '--cert', 'other.crt']))).toBe(1);
    await run(['sha256sum', '--strict', '-c', 'SHA256SUMS'], { cwd: matrix.at('out') });
    await run([
      ...['openssl', 'cms', '-verify', '-binary', '-inform', 'DER', '-in', matrix.at('out/SHA256SUMS.p7s')],
      ...['-content', matrix.at('out/SHA256SUMS'), '-certfile', matrix.at('cert.pem'), '-noverify'],
    ]);
  });
});
