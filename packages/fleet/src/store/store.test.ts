import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '@klpkit/host';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort, type Service, s3Keys, startS3 } from '../testing/services.ts';
import { openStore } from './open.ts';
import { type Store, StoreError } from './types.ts';

const nothing = sha256Hex('nothing that was put');
let folder = '';
let port = 0;
let service: Service;
const before = { ...process.env };

/** What an operation of a store fails with. */
async function trouble(what: Promise<unknown>): Promise<StoreError> {
  const error = await what.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(StoreError);
  const { message, next } = error as StoreError;
  for (const text of [message, next]) expect(text).not.toMatch(/\n|S3RVER|s3cret/);
  return error as StoreError;
}

/** Where an object of the store lies on disk, in either kind. */
const fileOf = (digest: string) => join('objects', digest.slice(0, 2), digest);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-store-'));
  await mkdir(join(folder, 'service'));
  port = await freePort();
  service = await startS3(join(folder, 'service'), port, 'fleet');
});
afterAll(async () => {
  await service.kill();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, s3Keys, { AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}` });
});
afterEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, before);
});

const kinds: [kind: string, open: (name: string, ms?: number) => Store, disk: (name: string) => string][] = [
  ['a folder', (name, ms = 0) => openStore(join(folder, name), { ms }), (name) => join(folder, name)],
  [
    'a bucket',
    (name, ms = 0) => openStore(`s3://fleet/of/${name}`, { ms }),
    (name) => join(folder, 'service/fleet/of', name),
  ],
];

describe.each(kinds)('a store in %s', (_, open, disk) => {
  it('gives back what was put and kept, and tells what it lacks', async () => {
    const store = open('plain');
    const bytes = Uint8Array.from({ length: 100_000 }, (__, index) => index * 7);
    const digest = await store.put(bytes);
    expect(digest).toBe(sha256Hex(bytes));
    expect(await store.has(digest)).toBe(true);
    expect(Buffer.from(await store.get(digest)).equals(Buffer.from(bytes))).toBe(true);
    expect(await store.has(nothing)).toBe(false);
    expect(await trouble(store.get(nothing))).toMatchObject({ trouble: 'missing' });
    expect(await store.result(nothing)).toBeUndefined();
    await store.keep(nothing, '{"a":"ä"}');
    expect(await open('plain').result(nothing)).toBe('{"a":"ä"}');
  });

  it('does not give out an object that was damaged, says where it lies, and puts it again', async () => {
    const store = open('damage');
    const digest = await store.put('a module');
    const [path] = await filesBelow(disk('damage'), digest);
    writeFileSync(path ?? '', 'a modulf');
    const error = await trouble(store.get(digest));
    expect(error).toMatchObject({ trouble: 'damaged', next: 'remove it, and run it again' });
    expect(error.message).toContain(fileOf(digest));
    // Cut short, as by a machine that lost its power.
    writeFileSync(path ?? '', 'a mod');
    await store.put('a module');
    expect(Buffer.from(await store.get(digest)).toString()).toBe('a module');
  });

  it('makes no path of what is no digest', async () => {
    const store = open('paths');
    for (const wrong of ['../../../etc/passwd', 'A'.repeat(64), `${nothing}/..`]) {
      expect(await trouble(store.get(wrong))).toMatchObject({ trouble: 'refused' });
      expect(await trouble(store.keep(wrong, ''))).toMatchObject({ trouble: 'refused' });
    }
  });
});

/** Files that hold an object; the service gives them a name of its own. */
async function filesBelow(root: string, digest: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && join(entry.parentPath, entry.name).includes(digest))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/metadata|md5/.test(path));
}

describe('a folder', () => {
  it('is waited for when it was there and is gone', async () => {
    const place = join(folder, 'share');
    const store = openStore(place, { ms: 60_000 });
    const digest = await store.put('a module');
    await store.keep(digest, 'a result');
    const waits: string[] = [];
    const waiting = openStore(place, { ms: 60_000, onWait: (why) => waits.push(why) });
    expect(await waiting.result(digest)).toBe('a result');
    // As a share that is not mounted.
    await rename(place, `${place}.away`);
    await mkdir(place);
    const reads = Promise.all([waiting.get(digest), waiting.result(digest)]);
    await expect.poll(() => waits.length).toBe(2);
    rmSync(place, { recursive: true });
    await rename(`${place}.away`, place);
    const [bytes, text] = await reads;
    expect(Buffer.from(bytes).toString()).toBe('a module');
    expect(text).toBe('a result');
    expect(waits[0]).toContain(`the store ${place} is not there`);
  });

  it('that never was there holds nothing yet, and one that is a file cannot be used', async () => {
    expect(await openStore(join(folder, 'new'), { ms: 0 }).result(nothing)).toBeUndefined();
    writeFileSync(join(folder, 'file'), '');
    const store = openStore(join(folder, 'file'), { ms: 0 });
    expect(await trouble(store.result(nothing))).toMatchObject({ trouble: 'unreachable' });
    expect((await trouble(store.put('x'))).message).toMatch(/cannot be written: E(NOTDIR|EXIST)/);
  });
});

describe('a bucket', () => {
  it('tells keys that are not right from a bucket that is not there', async () => {
    const put = () => trouble(openStore('s3://fleet/of', { ms: 60_000 }).put('x'));
    process.env.AWS_SECRET_ACCESS_KEY = 's3cret';
    expect(await put()).toMatchObject({ trouble: 'refused', next: 'check AWS_SECRET_ACCESS_KEY' });
    process.env.AWS_ACCESS_KEY_ID = 's3cret';
    expect(await put()).toMatchObject({ trouble: 'refused', next: 'check AWS_ACCESS_KEY_ID' });
    const head = openStore('s3://fleet/of', { ms: 60_000 }).has(nothing);
    expect((await trouble(head)).message).toBe('the store s3://fleet cannot be used: the service denies it');
    Object.assign(process.env, s3Keys);
    const other = openStore('s3://other', { ms: 60_000 });
    for (const error of await Promise.all(
      [other.put('x'), other.result(nothing), other.has(nothing)].map(trouble),
    ))
      expect(error).toMatchObject({ trouble: 'refused', message: expect.stringContaining('no such bucket') });
    expect(await openStore('s3://fleet/of', { ms: 0 }).put('x')).toBe(sha256Hex('x'));
  });

  it('is given up when the service is down for longer than it is waited for', async () => {
    process.env.AWS_ENDPOINT_URL_S3 = `http://127.0.0.1:${await freePort()}`;
    const waits: string[] = [];
    const store = openStore('s3://fleet', { ms: 300, onWait: (why) => waits.push(why) });
    const message = 'the store s3://fleet cannot be reached: ECONNREFUSED';
    expect(await trouble(store.put('x'))).toMatchObject({
      trouble: 'unreachable',
      message,
      next: 'start the service, or check AWS_ENDPOINT_URL_S3',
    });
    expect(waits).toEqual([message]);
  });

  it('is used again when the service is back', async () => {
    const waits: string[] = [];
    const store = openStore('s3://fleet/outage', { ms: 60_000, onWait: (why) => waits.push(why) });
    const digest = await store.put('before');
    await service.kill();
    const during = Promise.all([store.get(digest), store.put('during'), store.result(nothing)]);
    await expect.poll(() => waits.length).toBe(3);
    service = await startS3(join(folder, 'service'), port, 'fleet');
    const [bytes, put, result] = await during;
    expect(Buffer.from(bytes).toString()).toBe('before');
    expect(put).toBe(sha256Hex('during'));
    expect(result).toBeUndefined();
    expect(Buffer.from(await store.get(put)).toString()).toBe('during');
  });

  it('takes no upload for whole that was cut off, and sends it again', async () => {
    const bytes = Uint8Array.from({ length: 4_000_000 }, (_, index) => index * 13);
    const digest = sha256Hex(bytes);
    const line = await cutting(port, 1_000_000);
    process.env.AWS_ENDPOINT_URL_S3 = `http://127.0.0.1:${line.port}`;
    const once = openStore('s3://fleet/cut', { ms: 0 });
    expect(await trouble(once.put(bytes))).toMatchObject({ trouble: 'unreachable' });
    expect(['missing', 'damaged']).toContain((await trouble(once.get(digest))).trouble);
    line.cutAgain();
    const store = openStore('s3://fleet/cut', { ms: 60_000 });
    await store.put(bytes);
    expect(Buffer.from(await store.get(digest)).equals(Buffer.from(bytes))).toBe(true);
    expect(line.cuts()).toBe(2);
    line.server.close();
  });

  it('names a service that speaks something else', async () => {
    const web = createHttpServer((_, response) => response.writeHead(404).end('<html>nothing</html>'));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    const address = web.address();
    process.env.AWS_ENDPOINT_URL_S3 = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    const store = openStore('s3://fleet', { ms: 60_000 });
    for (const error of [await trouble(store.put('x')), await trouble(store.result(nothing))])
      expect(error.next).toBe('check that AWS_ENDPOINT_URL_S3 names a service that speaks S3');
    web.close();
    web.closeAllConnections();
  });
});

/** A line to a port that breaks one connection after so many bytes, and later ones when it is told to. */
async function cutting(
  to: number,
  after: number,
): Promise<{ server: Server; port: number; cutAgain: () => void; cuts: () => number }> {
  let isArmed = true;
  let cuts = 0;
  const server = createServer((near: Socket) => {
    const far = connect(to, '127.0.0.1');
    let seen = 0;
    near.on('data', (chunk: Buffer) => {
      seen += chunk.length;
      if (isArmed && seen > after) {
        isArmed = false;
        cuts++;
        near.destroy();
        far.destroy();
      } else far.write(chunk);
    });
    far.pipe(near);
    near.on('end', () => far.end());
    for (const one of [near, far]) one.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    server,
    port: typeof address === 'object' && address ? address.port : 0,
    cutAgain: () => {
      isArmed = true;
    },
    cuts: () => cuts,
  };
}
