import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MissingTool, UsageError } from '@klpkit/findings';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort, startRedis } from '../testing/services.ts';
import { assertQueue, queueAddress, queueWords } from './address.ts';

describe('queueAddress', () => {
  it('reads machine, port, database and TLS, and a password from either place', () => {
    expect(queueAddress('redis://queue.example', undefined)).toEqual({ host: 'queue.example', port: 6379 });
    expect(queueAddress('rediss://me:p%40ss@[::1]:7000/3', undefined)).toEqual({
      host: '::1',
      port: 7000,
      username: 'me',
      password: 'p@ss',
      db: 3,
      tls: {},
    });
    const address = queueAddress('redis://queue.example', 's3cret');
    expect(address.password).toBe('s3cret');
    expect(queueWords(address)).toBe('the queue at queue.example:6379');
  });

  it.each(['http://:s3cret@a', 'redis://', ':s3cret@a', 'redis://:s3cret@a/none'])(
    'refuses %s, and quotes nothing of it',
    (text) => {
      const refused = () => queueAddress(text, undefined);
      expect(refused).toThrow(UsageError);
      expect(refused).not.toThrow(/s3cret/);
    },
  );
});

describe('assertQueue', () => {
  /** What keeps a queue from being used, and the next step. */
  async function trouble(port: number, password?: string): Promise<string> {
    const error = await assertQueue({ host: '127.0.0.1', port, ...(password ? { password } : {}) }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (error === undefined) return '';
    expect(error).toBeInstanceOf(MissingTool);
    const { message, remedy } = error as MissingTool;
    return `${message.replace(`${port}`, 'PORT')}; ${remedy}`;
  }

  it('takes one that is up, and names one that is down or wants another password', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'klpkit-queue-'));
    const redis = await startRedis(folder, await freePort());
    onTestFinished(async () => {
      await redis.kill();
      rmSync(folder, { recursive: true });
    });
    expect(await trouble(redis.port)).toBe('');
    const client = new Redis({ host: '127.0.0.1', port: redis.port });
    await client.config('SET', 'requirepass', 's3cret');
    client.disconnect();
    for (const password of [undefined, 's3cret of another'])
      expect(await trouble(redis.port, password)).toBe(
        'the queue at 127.0.0.1:PORT wants another password; set KLPKIT_QUEUE_PASSWORD',
      );
    expect(await trouble(redis.port, 's3cret')).toBe('');
    expect(await trouble(await freePort())).toBe(
      'the queue at 127.0.0.1:PORT cannot be reached: ECONNREFUSED; start redis-server there, or name another with --queue',
    );
  });

  it('refuses a Redis that is too old', async () => {
    // Old servers are not at hand; this one says that it is one.
    const server = createServer((socket) => {
      socket.on('data', (chunk: Buffer) => {
        const info = '# Server\r\nredis_version:5.0.14\r\n';
        for (const command of chunk.toString().split('*').slice(1))
          socket.write(/\binfo\b/i.test(command) ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n');
      });
      socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.close();
    });
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    expect(await trouble(port)).toBe(
      'the queue at 127.0.0.1:PORT is Redis 5.0.14, 6.2 is needed; install a newer redis-server there',
    );
  });
});
