import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Cell, openStore } from '@klpkit/fleet';
import { run } from '@klpkit/host';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  buildsOf,
  freePort,
  type Service,
  s3Keys,
  startRedis,
  startS3,
} from '../../fleet/src/testing/services.ts';
import {
  answerOf,
  ended,
  MatrixFolder,
  programsWith,
  runsBelow,
  type Started,
  until,
} from './testing/matrix.ts';

let matrix: MatrixFolder;
let embedded: Cell[] = [];
let redis: Service;
let queue: string[] = [];

beforeAll(async () => {
  matrix = await MatrixFolder.make();
  ({ cells: embedded } = await matrix.run());
  expect(embedded.map(({ fix, state }) => `${fix} ${state}`)).toEqual([
    'good proven',
    'stale does-not-apply',
    'bad refused',
    '* released',
  ]);
});
afterAll(() => matrix.remove());
beforeEach(async () => {
  redis = await startRedis(matrix.folder, await freePort());
  queue = ['--queue', `redis://127.0.0.1:${redis.port}`];
});
afterEach(() => redis.kill());

/** A worker that takes one job at a time, and counts as dead after three seconds. */
const worker = (store: string, env: Record<string, string> = {}, lock = 3): Started =>
  matrix.start(['worker', ...queue, '--store', store, '--jobs', '1', '--lock', `${lock}`], env);

const coordinator = (name: string, store: string, env: Record<string, string> = {}): Started =>
  matrix.start(
    ['matrix', 'run', 'matrix.yaml', '--json', '--state', `${name}.state`, '--store', store, ...queue],
    env,
  );

/** Jobs that a worker began, by the names that it gives them. */
const begun = ({ said }: Started) => said.match(/(?<=^(build|prove) )[0-9a-f]{12}$/gm) ?? [];

/** Holds what came through the queue against the embedded engine: the cells, and every byte that they name. */
async function expectSame(coordinating: Started, read: (digest: string) => Promise<Uint8Array> | Uint8Array) {
  const { code, cells } = await answerOf(coordinating);
  expect(cells).toEqual(embedded);
  expect(code).toBe(1);
  const digests = cells.flatMap(({ artifact, proof }) => [
    ...(artifact ? [artifact.digest, artifact.report, artifact.page] : []),
    ...(proof ? [proof.digest] : []),
  ]);
  expect(digests).toHaveLength(8);
  for (const digest of digests)
    expect(Buffer.compare(await read(digest), readFileSync(inStore('matrix.state/store', digest)))).toBe(0);
}

const inStore = (store: string, digest: string) =>
  matrix.at(join(store, 'objects', digest.slice(0, 2), digest));

async function stop(...workers: Started[]): Promise<void> {
  for (const one of workers) one.kill('SIGTERM');
  await Promise.all(workers.map(ended));
}

describe('a matrix through a queue gives what the embedded engine gives', () => {
  it('though workers are killed in the middle of compiling and of proving, and Redis forgets everything', async () => {
    const compiling = worker('killed');
    const coordinating = coordinator('killed', 'killed');
    await until('a compiler', () => runsBelow(compiling, 'cc1'));
    compiling.kill('SIGKILL');
    const proving = worker('killed');
    await until('a build', () => begun(proving).length > 0);
    const port = redis.port;
    await redis.kill();
    redis = await startRedis(matrix.folder, port);
    await until('a machine', () => runsBelow(proving, 'qemu-system-x86'));
    proving.kill('SIGKILL');
    const finished = matrix.finished('killed');
    expect(finished.size).toBeGreaterThan(0);
    const last = worker('killed');
    await expectSame(coordinating, (digest) => readFileSync(inStore('killed', digest)));
    // What was finished is not begun again.
    expect(begun(last).filter((name) => finished.has(name))).toEqual([]);
    await stop(last);
  });

  it('though the coordinator is killed and started again', async () => {
    const working = worker('again');
    const first = coordinator('again', 'again');
    await until('a machine', () => runsBelow(working, 'qemu-system-x86'));
    first.kill('SIGKILL');
    await ended(first);
    const finished = matrix.finished('again');
    expect(finished.size).toBeGreaterThan(0);
    const before = begun(working).length;
    await expectSame(coordinator('again', 'again'), (digest) => readFileSync(inStore('again', digest)));
    expect(
      begun(working)
        .slice(before)
        .filter((name) => finished.has(name)),
    ).toEqual([]);
    expect(new Set(begun(working)).size).toBe(begun(working).length);
    await stop(working);
  });

  it('though workers are ended by Ctrl-C on the way, and give back at once what they were at', async () => {
    // Until this lock lapses the test would not wait.
    const lock = 3600;
    const coordinating = coordinator('ended', 'ended');
    const scratch = matrix.at('scratch');
    mkdirSync(scratch);
    /** Ends a worker on the way, which must leave nothing behind, and a job that is none that failed. */
    const end = async (working: Started) => {
      working.kill('SIGINT');
      expect(await ended(working)).toBe(0);
      expect(await buildsOf(redis.port)).toEqual({ active: 0, delayed: 0, failed: 0 });
      await until('the end of all that it started', () => programsWith(scratch).length === 0, 10);
      await until('an empty folder', () => readdirSync(scratch).length === 0, 10);
    };
    const compiling = worker('ended', { TMPDIR: scratch }, lock);
    await until('a compiler', () => runsBelow(compiling, 'cc1'));
    const given = begun(compiling).at(-1);
    await end(compiling);
    expect(matrix.finished('ended')).not.toContain(given);
    const proving = worker('ended', { TMPDIR: scratch }, lock);
    await until('a machine', () => runsBelow(proving, 'qemu-system-x86'));
    expect(programsWith(scratch).join()).toContain('qemu');
    expect(begun(proving)).toContain(given);
    await end(proving);
    const last = worker('ended', {}, lock);
    await expectSame(coordinating, (digest) => readFileSync(inStore('ended', digest)));
    await stop(last);
  });

  it('though the store, a bucket, cannot be reached for 30 seconds', async () => {
    mkdirSync(matrix.at('service'));
    let service = await startS3(matrix.at('service'), await freePort(), 'fleet');
    const endpoint = `http://127.0.0.1:${service.port}`;
    const env = { ...s3Keys, AWS_ENDPOINT_URL_S3: endpoint };
    const working = worker('s3://fleet/matrix', env);
    const coordinating = coordinator('bucket', 's3://fleet/matrix', env);
    await until('a proof', () => /^prove /m.test(working.said));
    await service.kill();
    await until('a process that waits', () => /^waits: the store/m.test(working.said + coordinating.said));
    await wait(30_000);
    service = await startS3(matrix.at('service'), service.port, 'fleet');
    Object.assign(process.env, env);
    const bucket = openStore('s3://fleet/matrix');
    await expectSame(coordinating, (digest) => bucket.get(digest));
    for (const name of Object.keys(env)) delete process.env[name];
    for (const { said } of [working, coordinating]) expect(said).not.toContain('S3RVER');
    await stop(working);
    await service.kill();
  });

  it('though the disk of a worker is full', async ({ skip }) => {
    const small = matrix.at('small');
    mkdirSync(small);
    const mounted = await run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small], { check: false });
    if (mounted.code !== 0) skip(`no small disk can be mounted here: ${mounted.stderr.trim()}`);
    try {
      expect(() => writeFileSync(join(small, 'full'), Buffer.alloc(1 << 20))).toThrow('ENOSPC');
      const lacking = worker('disk', { TMPDIR: small });
      const coordinating = coordinator('disk', 'disk');
      await until('a worker that rests', () => /^rests for 5 s: ENOSPC/m.test(lacking.said));
      const sound = worker('disk');
      await expectSame(coordinating, (digest) => readFileSync(inStore('disk', digest)));
      await stop(lacking, sound);
    } finally {
      await run(['umount', '--lazy', small]);
      rmSync(small, { recursive: true, force: true });
    }
  });
});

describe('what is not right is named in a line with the next step', () => {
  it('a queue that is down, and never its password', async () => {
    await redis.kill();
    const child = matrix.start([
      'matrix',
      'run',
      'matrix.yaml',
      '--queue',
      `redis://:s3cret@127.0.0.1:${redis.port}`,
    ]);
    expect(await ended(child)).toBe(3);
    expect(child.said).toContain(`the queue at 127.0.0.1:${redis.port} cannot be reached`);
    expect(child.said).not.toContain('s3cret');
  });

  it('a store that does not know us, and a store that is down', async () => {
    const env = {
      AWS_ACCESS_KEY_ID: 's3cret-id',
      AWS_SECRET_ACCESS_KEY: 's3cret',
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${await freePort()}`,
      KLPKIT_STORE_PATIENCE: '0',
    };
    const start = () =>
      matrix.start(['matrix', 'run', 'matrix.yaml', '--store', 's3://fleet', '--state', 's'], env);
    const down = start();
    expect(await ended(down)).toBe(3);
    expect(down.said).toBe(
      'klpkit matrix: the store s3://fleet cannot be reached: ECONNREFUSED\n  next: start the service, or check AWS_ENDPOINT_URL_S3\n',
    );
    mkdirSync(matrix.at('other'));
    const service = await startS3(
      matrix.at('other'),
      Number(env.AWS_ENDPOINT_URL_S3.split(':').at(-1)),
      'fleet',
    );
    const working = matrix.start(['worker', ...queue, '--store', 's3://fleet'], env);
    for (const unknown of [start(), working]) {
      expect(await ended(unknown)).toBe(3);
      expect(unknown.said).toContain('next: check AWS_ACCESS_KEY_ID');
      expect(unknown.said).not.toContain('s3cret');
    }
    await service.kill();
  });
});
