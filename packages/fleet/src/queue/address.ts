import { MissingTool, UsageError } from '@klpkit/findings';
import { Redis } from 'ioredis';

/** How a queue is reached. */
export interface QueueAddress {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls?: Record<string, never>;
}

/** Oldest Redis that BullMQ recommends. */
const leastVersion = [6, 2] as const;

/**
 * Reads the address of a queue, `redis://host:port/db` or `rediss://…` with TLS. A password is better given apart, since command lines can be read by
 * others.
 *
 * @throws {UsageError} that never quotes what was given, as it may hold a password
 */
export function queueAddress(text: string, password: string | undefined): QueueAddress {
  const wrong = (what: string) =>
    new UsageError(
      `the address of the queue ${what}`,
      'give redis://HOST:PORT, and the password in KLPKIT_QUEUE_PASSWORD',
    );
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw wrong('is no URL');
  }
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') throw wrong('does not begin with redis://');
  if (url.hostname === '') throw wrong('names no machine');
  const db = url.pathname.replace(/^\//, '');
  if (!/^\d{0,3}$/.test(db)) throw wrong('ends in no number of a database');
  const given = url.password === '' ? password : decodeURIComponent(url.password);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 6379 : Number(url.port),
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(given === undefined ? {} : { password: given }),
    ...(db === '' ? {} : { db: Number(db) }),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

/** What messages call a queue. */
export function queueWords({ host, port }: QueueAddress): string {
  return `the queue at ${host}:${port}`;
}

/**
 * A connection for BullMQ, which connects again whenever it is lost.
 *
 * BullMQ cannot load a client by itself where modules are ECMAScript's, so it is given one.
 */
export function connectQueue(address: QueueAddress): Redis {
  const redis = new Redis({
    ...address,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => Math.min(times * 200, 2000),
  });
  redis.on('error', () => {});
  return redis;
}

/**
 * Makes sure that a queue can be used.
 *
 * @throws {MissingTool} when it is down, refuses the password, or is too old
 */
export async function assertQueue(address: QueueAddress): Promise<void> {
  const redis = new Redis({ ...address, lazyConnect: true, connectTimeout: 5000, retryStrategy: () => null });
  // The call that fails says at times only that the connection was closed; why, it says here.
  const reasons: string[] = [];
  redis.on('error', ({ message }) => reasons.push(message));
  try {
    await redis.connect();
    const [, version = ''] = /^redis_version:(.*)$/m.exec(await redis.info('server')) ?? [];
    const [major = 0, minor = 0] = version.trim().split('.').map(Number);
    if (major < leastVersion[0] || (major === leastVersion[0] && minor < leastVersion[1]))
      throw new MissingTool(
        `${queueWords(address)} is Redis ${version.trim()}, ${leastVersion.join('.')} is needed`,
        'install a newer redis-server there',
      );
  } catch (error) {
    if (error instanceof MissingTool) throw error;
    const message = [...reasons, (error as Error).message].join('\n');
    const isRefused = /NOAUTH|WRONGPASS|NOPERM/.test(message);
    throw new MissingTool(
      `${queueWords(address)} ${isRefused ? 'wants another password' : `cannot be reached: ${reasonOf(message)}`}`,
      isRefused ? 'set KLPKIT_QUEUE_PASSWORD' : 'start redis-server there, or name another with --queue',
    );
  } finally {
    redis.disconnect();
  }
}

/** The operating system's word for what went wrong, and nothing that could hold a secret. */
function reasonOf(message: string): string {
  return (
    /\b(E[A-Z]{4,}|connect timed out|Connection is closed)\b/i.exec(message)?.[1] ?? 'it does not answer'
  );
}
