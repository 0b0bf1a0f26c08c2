import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cell, ReleaseManifest } from '@klpkit/fleet';
import { splitSignature } from '@klpkit/formats';
import { run, sha256Hex } from '@klpkit/host';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patchOf } from '../../author/src/annotations/testing/patch.ts';
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

  it('follows what was released, and lets nothing out again that was withdrawn', async () => {
    const text = readFileSync(matrix.at('matrix.yaml'), 'utf8');
    const run = async (file: string, from: string, to: string, released: string) => {
      expect(text).toContain(from);
      writeFileSync(
        matrix.at(`${file}.yaml`),
        text
          .replace(from, to)
          .replace(/^policy:[\s\S]*/m, (policy) => released + (released.includes('policy:') ? '' : policy)),
      );
      const store = ['--store', 'matrix.state/store'];
      const { cells } = await answerOf(
        matrix.start(['matrix', 'run', `${file}.yaml`, '--json', '--as-of', '2026-11-30', ...store]),
      );
      const report = async (...args: string[]) => {
        const child = matrix.start([
          'matrix',
          'report',
          `${file}.yaml`,
          '--as-of',
          '2026-11-30',
          ...store,
          ...args,
        ]);
        return { code: await ended(child), said: child.said };
      };
      return { all: cells.at(-1), report };
    };
    const before = 'released:\n  - folder: out\n';
    const same = await run('same', 'name: web', 'name: web', before);
    expect(same.all).toMatchObject({
      state: 'released',
      artifact: { digest: first.at(-1)?.artifact?.digest },
    });
    // Other code under the same name could not be loaded beside what it follows.
    const good = readFileSync(matrix.at('patches/good.patch'), 'utf8');
    expect(good).toContain('livepatched');
    writeFileSync(matrix.at('patches/changed.patch'), good.replaceAll('livepatched', 'Livepatched'));
    const checks = /^ {4}checks:\n.*\n/m.exec(text)?.[0] ?? '';
    const changed = `${before}policy: { prove: false }\n`;
    const fix = `patch: patches/good.patch\n${checks}`;
    const clash = await run('clash', fix, 'patch: patches/changed.patch\n', changed);
    expect(clash.all).toMatchObject({
      state: 'refused',
      reason: 'both livepatches are modules named livepatch_web',
    });
    const second = await run('second', 'name: web', 'name: web-2', before);
    expect(second.all).toMatchObject({ state: 'released', artifact: { name: 'livepatch-web-2.ko' } });
    expect((await second.report('--release', 'out2', '--version', '2.0', '--notice', 'N-2')).code).toBe(1);
    const manifest = JSON.parse(readFileSync(matrix.at('out2/manifest.json'), 'utf8')) as ReleaseManifest;
    const { sha256 = '' } =
      (JSON.parse(readFileSync(matrix.at('out/manifest.json'), 'utf8')) as ReleaseManifest).kernels[0]
        ?.module ?? {};
    expect(manifest).toMatchObject({ version: '2.0', notice: 'N-2', withdrawn: [] });
    expect(manifest.kernels.map(({ follows }) => follows)).toEqual([[{ sha256 }]]);
    const bad = await run(
      'bad',
      'name: web',
      'name: web-2',
      `${before}  - { folder: out2, withdrawn: { by: Jo, reason: oops in f } }\n`,
    );
    expect(bad.all?.state).toBe('withdrawn');
    const { said } = await bad.report();
    expect(said).toMatch(/^ {4}released {2}livepatch_web of out {2}sha256 /m);
    expect(said).toMatch(
      /^ {4}withdrawn {2}livepatch_web_2 of 2\.0, N-2: withdrawn by Jo: oops in f {2}sha256 /m,
    );
    const third = await run(
      'third',
      'name: web',
      'name: web-3',
      `${before}  - { folder: out2, withdrawn: { by: Jo, reason: oops in f } }\n`,
    );
    expect(third.all?.state).toBe('released');
    await third.report('--release', 'out3');
    expect(JSON.parse(readFileSync(matrix.at('out3/manifest.json'), 'utf8'))).toMatchObject({
      withdrawn: [{ name: 'livepatch_web_2', version: '2.0', sha256: manifest.kernels[0]?.module.sha256 }],
      kernels: [{ follows: [{ version: '2.0' }, { sha256 }] }],
    });
  });

  it('does nothing for a kernel whose coverage has ended', async () => {
    const text = readFileSync(matrix.at('matrix.yaml'), 'utf8');
    const [, kernel = ''] = /^kernels: \[(.*)\]$/m.exec(text) ?? [];
    const covered = text.replace(/^kernels: .*$/m, `kernels: [{ id: ${kernel}, coveredUntil: 2026-11-30 }]`);
    writeFileSync(matrix.at('covered.yaml'), covered);
    const run = async (asOf: string) => {
      const child = matrix.start([
        'matrix',
        'run',
        'covered.yaml',
        '--json',
        '--as-of',
        asOf,
        '--store',
        'matrix.state/store',
      ]);
      return (await answerOf(child)).cells.map(({ state }) => state);
    };
    expect(await run('2026-12-01')).toEqual(['expired', 'expired', 'expired', 'expired']);
    expect(await run('2026-11-30')).toEqual(['proven', 'does-not-apply', 'refused', 'released']);
    const report = async (asOf: string) => {
      const child = matrix.start([
        'matrix',
        'report',
        'covered.yaml',
        '--as-of',
        asOf,
        '--store',
        'matrix.state/store',
      ]);
      await ended(child);
      return child.said;
    };
    expect(await report('2026-11-01')).toContain(
      'covered until 2026-11-30, 29 days left\n  next: add a kernel',
    );
    expect(await report('2026-10-30')).toMatch(/covered until 2026-11-30$/m);
    expect(await report('2026-12-01')).toContain('coverage ended on 2026-11-30\n  next: add a kernel');
  });

  it('makes no fix of modules alone that nobody looks after', async () => {
    const source = 'drivers/block/loop.c';
    const text = readFileSync(join(matrix.sourceDir, source), 'utf8');
    writeFileSync(matrix.at('patches/loop.patch'), patchOf(source, text, `${text}/* the end */\n`));
    const head = readFileSync(matrix.at('matrix.yaml'), 'utf8').split('fixes:')[0] ?? '';
    const run = async (unsupported: string) => {
      const policy = `policy: { cumulative: false, unsupported: [${unsupported}] }\n`;
      writeFileSync(
        matrix.at('loop.yaml'),
        `${head}fixes:\n  - { id: loop, patch: patches/loop.patch }\n  - { id: good, patch: patches/good.patch }\n${policy}`,
      );
      const store = ['--store', 'matrix.state/store'];
      const child = matrix.start(['matrix', 'run', 'loop.yaml', '--json', ...store]);
      return (await answerOf(child)).cells.map(({ state, reason }) => `${state}: ${reason}`);
    };
    expect(await run('loop, ax25')).toEqual([
      'unsupported: the fix is of loop alone, which the matrix does not support',
      expect.stringMatching(/^proven: /),
    ]);
    expect((await run('ax25'))[0]).toMatch(/^not-affected: /);
  });
});
