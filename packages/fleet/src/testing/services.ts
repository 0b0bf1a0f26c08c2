import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Queue } from 'bullmq';
import { connectQueue } from '../queue/address.ts';
import { queueName, queuePrefix } from '../queue/names.ts';

/** A service of a test, in a process of its own. */
export interface Service {
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  /** Ends it at once, as a crash does; waits until it is gone. */
  kill(): Promise<void>;
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** Starts Redis, which forgets everything when it ends. */
export function startRedis(folder: string, port: number): Promise<Service> {
  const argv = [
    'redis-server',
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
  ];
  return start(argv, folder, port, 'Ready to accept connections');
}

/** Keys of the service that {@link startS3} starts. */
export const s3Keys = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' } as const;

/** Starts a service that speaks S3, with a bucket and its objects in a folder. */
export function startS3(folder: string, port: number, bucket: string): Promise<Service> {
  const script = fileURLToPath(new URL('s3-server.ts', import.meta.url));
  const argv = [process.execPath, script, '--port', `${port}`, '--folder', folder, '--bucket', bucket];
  return start(argv, folder, port, 'ready');
}

/** How many builds of a queue wait, wait for another try, and have failed. */
export async function buildsOf(port: number): Promise<Record<string, number>> {
  const connection = connectQueue({ host: '127.0.0.1', port });
  const queue = new Queue(queueName('build'), { connection, prefix: queuePrefix });
  try {
    return await queue.getJobCounts('active', 'delayed', 'failed');
  } finally {
    await queue.close();
    connection.disconnect();
  }
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a service, and waits for what it says when it listens. */
async function start(argv: readonly string[], cwd: string, port: number, ready: string): Promise<Service> {
  const [command = '', ...args] = argv;
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    let said = '';
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`${command} ended with ${code}: ${said}`)));
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(ready)) resolve();
    });
  });
  return {
    port,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
      running.delete(child);
    },
  };
}
