import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { removeAtInterrupt } from './interrupt.ts';

/** klpkit's cache folder: `$XDG_CACHE_HOME/klpkit`, or `~/.cache/klpkit`; a relative XDG_CACHE_HOME is ignored, as its specification says. */
export function cacheRoot(): string {
  const base = process.env.XDG_CACHE_HOME;
  return join(base && isAbsolute(base) ? base : join(homedir(), '.cache'), 'klpkit');
}

/** SHA-256 of the pieces, one after the other, in hexadecimal. For keys out of several pieces use {@link contentKey}. */
export function sha256Hex(...pieces: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

/** A key (64 hexadecimal digits) for a list of pieces; other than `sha256Hex` it keeps `['ab', 'c']` and `['a', 'bc']` apart. */
export function contentKey(...pieces: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) {
    hash.update(`${typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length}:`);
    hash.update(piece);
  }
  return hash.digest('hex');
}

/** SHA-256 of a file's content in hexadecimal, read in pieces. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** A name beside `path` that nobody else has: `path.tmp-<pid>-<random>`. */
export function temporaryName(path: string): string {
  return `${path}.tmp-${process.pid}-${randomBytes(4).toString('hex')}`;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Removes temporaries of `path` that processes left behind which could not clean up (SIGKILL, power loss). */
async function removeLeftovers(path: string): Promise<void> {
  const folder = dirname(path);
  const prefix = `${basename(path)}.tmp-`;
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number(name.slice(prefix.length).split('-')[0]);
    if (Number.isInteger(pid) && pid > 0 && !isRunning(pid)) {
      await rm(join(folder, name), { recursive: true, force: true });
    }
  }
}

/** Writes a file so that nobody ever sees it half-written: to a temporary name beside it, then renamed. Makes its folder. */
export async function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const tmp = temporaryName(path);
  const forget = removeAtInterrupt(tmp);
  try {
    await writeFile(tmp, data);
    await rename(tmp, path);
  } catch (error) {
    await rm(tmp, { force: true });
    throw error;
  } finally {
    forget();
  }
}

/**
 * Makes a folder so that nobody ever sees it half-made: `fill` is given an empty temporary folder beside `path`, which
 * is renamed when it is done and removed when it throws or klpkit is interrupted.
 *
 * If `path` exists already, nothing is done and false is returned; if another process makes it meanwhile, the other's
 * stays, ours is dropped, and the result is false too.
 */
export async function makeFolderAtomic(path: string, fill: (tmp: string) => Promise<void>): Promise<boolean> {
  if (await isFolder(path)) return false;
  await mkdir(dirname(path), { recursive: true });
  await removeLeftovers(path);
  const tmp = temporaryName(path);
  const forget = removeAtInterrupt(tmp);
  try {
    await mkdir(tmp);
    await fill(tmp);
    await rename(tmp, path);
    return true;
  } catch (error) {
    await rm(tmp, { recursive: true, force: true, maxRetries: 3 });
    const code = (error as NodeJS.ErrnoException).code;
    if ((code === 'ENOTEMPTY' || code === 'EEXIST') && (await isFolder(path))) return false;
    throw error;
  } finally {
    forget();
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Bytes that an ordinary user can still write on the file system of `folder`, which need not exist yet. */
export async function freeBytes(folder: string): Promise<number> {
  for (let path = folder; ; path = dirname(path)) {
    try {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || path === dirname(path)) throw error;
    }
  }
}
