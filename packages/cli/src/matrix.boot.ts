import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Cell, ReleaseManifest } from '@klpkit/fleet';
import { splitSignature } from '@klpkit/formats';
import { run, sha256Hex } from '@klpkit/host';
import { addKernel } from '@klpkit/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKeys } from '../../fleet/src/testing/keys.ts';
import { demoPatch, demoSource } from './demo-fix.ts';

const bin = fileURLToPath(new URL('bin.ts', import.meta.url));
let folder = '';
let port = 0;
const started: ChildProcess[] = [];

/** Starts klpkit in a process of its own, as on another machine. */
function start(...args: string[]): ChildProcess & { said: string } {
  const child = spawn(process.execPath, [bin, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const process_ = Object.assign(child, { said: '' });
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      process_.said += chunk.toString();
    });
  started.push(child);
  return process_;
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  return new Promise((resolve) => child.once('close', resolve));
}

async function until(what: string, isSo: () => boolean, seconds = 120): Promise<void> {
  for (const since = Date.now(); !isSo(); await wait(50))
    if (Date.now() - since > seconds * 1000) throw new Error(`${what} did not come in ${seconds} s`);
}

/** A run of the matrix, and what it answers. */
async function matrix(
  ...args: string[]
): Promise<{ code: number | null; cells: Cell[]; jobs: { done: number; kept: number } }> {
  const child = start('matrix', 'run', 'matrix.yaml', '--json', ...args);
  const code = await ended(child);
  return { code, ...(JSON.parse(child.said) as { cells: Cell[]; jobs: { done: number; kept: number } }) };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

async function startRedis(): Promise<ChildProcess> {
  const redis = spawn(
    'redis-server',
    ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  started.push(redis);
  let said = '';
  redis.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await until('Redis', () => said.includes('Ready to accept connections'));
  return redis;
}

beforeAll(async () => {
  const kernel = await addKernel('debian:6.12.117+deb12-amd64');
  folder = mkdtempSync(join(tmpdir(), 'klpkit-matrix-'));
  port = await freePort();
  const fix = demoPatch(readFileSync(join(kernel.sourceDir, demoSource), 'utf8')) ?? '';
  expect(fix).not.toBe('');
  mkdirSync(join(folder, 'patches'));
  writeFileSync(join(folder, 'patches/good.patch'), fix);
  writeFileSync(join(folder, 'patches/stale.patch'), fix.replaceAll('\n ', '\n 0'));
  writeFileSync(join(folder, 'patches/bad.patch'), fix.replace('seq_puts', 'no_such_function'));
  writeFileSync(
    join(folder, 'matrix.yaml'),
    `format: 1
name: web
kernels: [${kernel.id}]
fixes:
  - id: good
    cve: CVE-2026-1234
    patch: patches/good.patch
    checks:
      - { run: grep -c livepatched /proc/version, before: '0', patched: '1', reverted: '0' }
  - { id: stale, patch: patches/stale.patch }
  - { id: bad, patch: patches/bad.patch }
`,
  );
});
afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describe('klpkit matrix', () => {
  let embedded: Cell[] = [];

  it('takes each fix to its end, though it is killed on the way', async () => {
    const first = start('matrix', 'run', 'matrix.yaml');
    await until('the first cell', () => first.said.includes('does-not-apply'));
    first.kill('SIGKILL');
    await ended(first);
    const { code, cells, jobs } = await matrix();
    embedded = cells;
    expect(cells.map(({ fix, state }) => `${fix} ${state}`)).toEqual([
      'good proven',
      'stale does-not-apply',
      'bad refused',
      '* released',
    ]);
    expect(code).toBe(1);
    expect(jobs.kept).toBeGreaterThan(0);
    expect((await matrix()).jobs.done).toBe(0);
  });

  it('gives the same through a queue, whatever dies meanwhile', async () => {
    let redis = await startRedis();
    const queue = ['--queue', `redis://127.0.0.1:${port}`, '--store', 'shared'];
    const worker = () => start('worker', ...queue, '--jobs', '1', '--lock', '3');
    const doomed = worker();
    const coordinator = start('matrix', 'run', 'matrix.yaml', '--json', '--state', 'queue.state', ...queue);
    // In the middle of a build: its jobs go to another.
    await until('a build', () => doomed.said.includes('build '));
    doomed.kill('SIGKILL');
    const second = worker();
    await until('a build', () => second.said.includes('build '));
    // The queue forgets everything, and comes back.
    redis.kill('SIGKILL');
    await ended(redis);
    redis = await startRedis();
    await until('a proof', () => second.said.includes('prove '));
    second.kill('SIGKILL');
    // The store is away for a moment.
    renameSync(join(folder, 'shared'), join(folder, 'away'));
    writeFileSync(join(folder, 'shared'), 'no folder');
    const third = worker();
    await wait(2000);
    rmSync(join(folder, 'shared'));
    renameSync(join(folder, 'away'), join(folder, 'shared'));
    expect(await ended(coordinator)).toBe(1);
    const { cells } = JSON.parse(coordinator.said) as { cells: Cell[] };
    expect(cells).toEqual(embedded);
    for (const { artifact } of cells)
      if (artifact)
        for (const digest of [artifact.digest, artifact.report, artifact.page]) {
          const path = join('objects', digest.slice(0, 2), digest);
          expect(readFileSync(join(folder, 'shared', path))).toEqual(
            readFileSync(join(folder, 'matrix.state/store', path)),
          );
        }
    third.kill('SIGTERM');
    await ended(third);
    redis.kill();
  });

  it('names a queue that is down, and never its password', async () => {
    const child = start('matrix', 'run', 'matrix.yaml', '--queue', `redis://:s3cret@127.0.0.1:${port}`);
    expect(await ended(child)).toBe(3);
    expect(child.said).toContain(`the queue at 127.0.0.1:${port} cannot be reached`);
    expect(child.said).not.toContain('s3cret');
  });

  it('reports from the state alone', async () => {
    const child = start(
      'matrix',
      'report',
      'matrix.yaml',
      '--html',
      'page',
      '--csv',
      'cells.csv',
      '--openvex',
      'vex.json',
    );
    expect(await ended(child)).toBe(1);
    expect(child.said).toContain('in it: good');
    expect(readFileSync(join(folder, 'cells.csv'), 'utf8').split('\r\n')).toHaveLength(6);
    const vex = JSON.parse(readFileSync(join(folder, 'vex.json'), 'utf8')) as {
      statements: { status: string }[];
    };
    expect(vex.statements.map(({ status }) => status)).toEqual(['fixed', 'affected']);
    const page = readFileSync(join(folder, 'page/index.html'), 'utf8');
    const [, report = ''] = /href="(reports\/[0-9a-f]+\.html)"/.exec(page) ?? [];
    expect(existsSync(join(folder, 'page', report))).toBe(true);
  });

  it('releases what was proven, signed', async () => {
    await makeKeys(folder);
    const signing = ['--key', 'key.pem', '--cert', 'cert.pem'];
    expect(await ended(start('matrix', 'report', 'matrix.yaml', '--release', 'out', ...signing))).toBe(1);
    const { kernels } = JSON.parse(
      readFileSync(join(folder, 'out/manifest.json'), 'utf8'),
    ) as ReleaseManifest;
    expect(kernels.map(({ fixes }) => fixes.map(({ id, cves }) => ({ id, cves })))).toEqual([
      [{ id: 'good', cves: ['CVE-2026-1234'] }],
    ]);
    const file = join('out', kernels[0]?.module.file ?? '');
    const { module } = splitSignature(readFileSync(join(folder, file)));
    expect(sha256Hex(module)).toBe(kernels[0]?.module.proven);
    expect(await ended(start('sign', file, '--verify', '--cert', 'cert.pem'))).toBe(0);
    expect(await ended(start('sign', file, '--verify', '--cert', 'other.crt'))).toBe(1);
    await run(['sha256sum', '--strict', '-c', 'SHA256SUMS'], { cwd: join(folder, 'out') });
    await run([
      ...[
        'openssl',
        'cms',
        '-verify',
        '-binary',
        '-inform',
        'DER',
        '-in',
        join(folder, 'out/SHA256SUMS.p7s'),
      ],
      ...['-content', join(folder, 'out/SHA256SUMS'), '-certfile', join(folder, 'cert.pem'), '-noverify'],
    ]);
  });
});
