import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MissingTool, UsageError } from '@klpkit/findings';
import {
  CommandFailed,
  CommandNotFound,
  removeAtInterrupt,
  run,
  sha256File,
  temporaryName,
} from '@klpkit/host';
import type { OnProgress } from '../types.ts';
import { type ControlRecord, compareDebianVersions, parseControl } from './deb822.ts';

/** One version of one package, as the lists describe it. */
export interface DebPackage {
  readonly name: string;
  readonly version: string;
  /** Bytes of the .deb. */
  readonly size: number;
  readonly sha256: string;
  /** Bytes that the unpacked files take, roughly. */
  readonly installedBytes: number;
  readonly record: ControlRecord;
}

const isRoot = () => process.getuid?.() === 0;
const updateCommand = () => (isRoot() ? 'apt-get update' : 'sudo apt-get update');

/** Runs an apt program; a machine without apt is told what else it can do. */
async function apt(argv: readonly string[], options: Parameters<typeof run>[1] = {}) {
  try {
    return await run(argv, options);
  } catch (error) {
    if (!(error instanceof CommandNotFound)) throw error;
    throw new MissingTool(
      `Debian kernels are fetched with ${argv[0]}, which is not on this machine`,
      'klpkit kernel add --build-tree DIR  (for a kernel built here), or use a Debian machine',
    );
  }
}

/** All versions of the packages that the lists know, newest first within a name; unknown names give nothing. */
export async function aptShow(names: readonly string[], signal?: AbortSignal): Promise<DebPackage[]> {
  if (names.length === 0) return [];
  const { stdout } = await apt(['apt-cache', 'show', ...names], { check: false, signal });
  const packages = parseControl(stdout).flatMap((record): DebPackage[] => {
    const name = record.get('Package');
    const version = record.get('Version');
    const size = Number(record.get('Size'));
    const sha256 = record.get('SHA256');
    // An installed package without a source to fetch it from has neither size nor hash.
    if (!name || !version || !sha256 || !Number.isSafeInteger(size)) return [];
    const installedBytes = (Number(record.get('Installed-Size')) || 0) * 1024;
    return [{ name, version, size, sha256, installedBytes, record }];
  });
  return packages.sort(
    (a, b) => a.name.localeCompare(b.name, 'en') || compareDebianVersions(b.version, a.version),
  );
}

/** Names of packages that begin with `prefix`, real and virtual ones. */
export async function aptNames(prefix: string, signal?: AbortSignal): Promise<string[]> {
  const { stdout } = await apt(['apt-cache', 'pkgnames', prefix], { check: false, signal });
  return stdout.split('\n').filter(Boolean).sort();
}

/** Fetches the package lists anew when we are root; otherwise says which command does it. */
export async function refreshLists(
  why: string,
  onProgress?: OnProgress,
  signal?: AbortSignal,
): Promise<void> {
  if (!isRoot()) throw new MissingTool(why, updateCommand());
  onProgress?.({ label: 'refresh the package lists (apt-get update)' });
  await apt(['apt-get', 'update', '-q'], { signal, timeoutMs: 300_000 });
}

/** Where a package's .deb lies once it is fetched. */
export function debPath(folder: string, deb: DebPackage): string {
  return join(folder, `${deb.name}_${deb.version.replaceAll(':', '%3a')}.deb`);
}

/** Thrown when a package cannot be fetched. `isStale`: the lists and the mirror disagree, the file that the lists name is gone. */
export class FetchFailed extends MissingTool {
  readonly isStale: boolean;
  constructor(deb: DebPackage, stderr: string) {
    const words = stderr.split('\n').filter((line) => line.startsWith('E: ') || line.startsWith('Err:'));
    super(
      `${deb.name} ${deb.version} cannot be fetched: ${words.join('; ') || stderr.trim()}`,
      updateCommand(),
    );
    this.isStale = /\b404\b|Hash Sum mismatch|unexpected size/i.test(stderr);
  }
}

/**
 * Fetches one package into `folder` with apt-get and checks its size and SHA-256; a package that is there already is not
 * fetched again. Returns the path of the .deb.
 */
export async function fetchDeb(
  deb: DebPackage,
  folder: string,
  onProgress?: OnProgress,
  signal?: AbortSignal,
): Promise<string> {
  const path = debPath(folder, deb);
  const present = await stat(path).catch(() => undefined);
  // The hash was checked before the file got this name.
  if (present?.size === deb.size) return path;
  await mkdir(folder, { recursive: true });
  const tmp = temporaryName(path);
  const forget = removeAtInterrupt(tmp);
  const report = (done: number) =>
    onProgress?.({ label: `download ${deb.name}`, done, total: deb.size, unit: 'bytes' });
  const poll = setInterval(async () => {
    const done = await folderBytes(tmp);
    if (done > 0) report(Math.min(done, deb.size));
  }, 250);
  try {
    await mkdir(tmp);
    report(0);
    // Without the sandbox user, who may not write into the cache.
    await apt(['apt-get', 'download', '-q', '-o', 'APT::Sandbox::User=root', `${deb.name}=${deb.version}`], {
      cwd: tmp,
      signal,
    }).catch((error: unknown) => {
      throw error instanceof CommandFailed ? new FetchFailed(deb, error.stderr) : error;
    });
    const [name] = (await readdir(tmp)).filter((file) => file.endsWith('.deb'));
    if (!name) throw new UsageError(`apt-get download left no ${deb.name} behind`, updateCommand());
    await checkDeb(join(tmp, name), deb);
    await rename(join(tmp, name), path);
    report(deb.size);
    return path;
  } finally {
    clearInterval(poll);
    await rm(tmp, { recursive: true, force: true });
    forget();
  }
}

/** Compares a .deb with what the lists say of it; throws {@link UsageError} with both values. */
export async function checkDeb(path: string, deb: DebPackage): Promise<void> {
  const { size } = await stat(path);
  if (size !== deb.size) {
    throw new UsageError(
      `${deb.name} ${deb.version}: the package lists say ${deb.size} bytes, the file has ${size}`,
      `fetch the lists anew: ${updateCommand()}`,
    );
  }
  const sha256 = await sha256File(path);
  if (sha256 !== deb.sha256) {
    throw new UsageError(
      `${deb.name} ${deb.version}: the package lists say SHA-256 ${deb.sha256}, the file has ${sha256}`,
      `fetch the lists anew: ${updateCommand()}`,
    );
  }
}

async function folderBytes(folder: string): Promise<number> {
  let total = 0;
  for (const name of await readdir(folder).catch(() => [])) {
    total += await stat(join(folder, name)).then(
      (found) => (found.isFile() ? found.size : 0),
      () => 0,
    );
  }
  return total;
}
