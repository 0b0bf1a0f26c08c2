import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { atInterrupt } from './interrupt.ts';
import { CommandNotFound } from './run.ts';

/** Options of {@link withLock}. */
export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once when somebody else holds the lock and we begin to wait. */
  readonly onWait?: () => void;
}

/**
 * Runs `work` while no other process, and nothing else in this one, runs work under the same lock file.
 *
 * The lock is the kernel's (flock) and held by a child that ends when its standard input does, that is, with us: a
 * holder that was killed leaves no stale lock behind. The file itself stays; its content means nothing.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const { signal, onWait } = options;
  signal?.throwIfAborted();
  await mkdir(dirname(path), { recursive: true });
  const child = spawn('flock', [path, 'cat'], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // Ended already.
    }
  };
  const forget = atInterrupt(end);
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = onWait && setTimeout(onWait, 300);
      const settle = (then: () => void) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        then();
      };
      const onAbort = () => settle(() => reject(signal?.reason));
      signal?.addEventListener('abort', onAbort, { once: true });
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      child.once('error', (error: NodeJS.ErrnoException) =>
        settle(() => reject(error.code === 'ENOENT' ? new CommandNotFound('flock') : error)),
      );
      child.once('close', () => settle(() => reject(new Error(`cannot lock ${path}: ${stderr.trim()}`))));
      // `cat` starts when the lock is held, and then gives the byte back.
      child.stdout.once('data', () => settle(resolve));
      child.stdin.on('error', () => {});
      child.stdin.write('\n');
    });
    return await work();
  } finally {
    end();
    if (child.pid !== undefined) await closed;
    forget();
  }
}
