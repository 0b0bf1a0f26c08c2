import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '@klpkit/host';
import * as v from 'valibot';
import type { JobInput, Matrix, MatrixRelease, Withdrawal } from './types.ts';

/** A release that was handed over, as its manifest tells. */
export interface PastRelease extends MatrixRelease {
  readonly version?: string;
  readonly notice?: string;
  readonly kernels: readonly PastKernel[];
}

/** What {@link PastRelease} brought for one kernel. */
export interface PastKernel {
  readonly kernel: string;
  readonly file: string;
  readonly name: string;
  /** SHA-256 of the module in the release. */
  readonly sha256: string;
  /** SHA-256 of the module that was proven, before it was signed. */
  readonly proven: string;
  readonly fixes: readonly string[];
}

/** A livepatch that is or was in the field, and what has become of it. */
export interface ReleasedLivepatch extends PastKernel {
  /** Folder of its release, relative to the matrix. */
  readonly folder: string;
  readonly version?: string;
  readonly notice?: string;
  readonly state: 'released' | 'superseded' | 'withdrawn';
  /** Who withdrew it and why, or what follows it. */
  readonly reason?: string;
}

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'no SHA-256'));
const text = v.pipe(v.string(), v.maxLength(4096));
const path = v.pipe(text, v.regex(/^(?!\/)(?!(.*\/)?\.\.(\/|$))[^\0]+$/, 'no file of the release'));
const manifestPart = v.object({
  format: v.literal(1),
  version: v.optional(text),
  notice: v.optional(text),
  kernels: v.array(
    v.object({
      kernel: text,
      module: v.object({ name: text, file: path, sha256: digest, proven: digest }),
      fixes: v.array(v.object({ id: text })),
    }),
  ),
});

/** Reads what a matrix says was released before. What cannot be read is told through `missing`. */
export async function readHistory(
  matrix: Matrix,
  folder: string,
  missing: (what: string, next: string) => void,
): Promise<PastRelease[]> {
  const history: PastRelease[] = [];
  for (const release of matrix.released) {
    const place = join(release.folder, 'manifest.json');
    const next = 'name a folder that klpkit matrix report --release wrote';
    let value: unknown;
    try {
      value = JSON.parse(await readFile(join(folder, place), 'utf8'));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      missing(`${place} ${code ? `cannot be read: ${code}` : 'is no JSON'}`, next);
      continue;
    }
    const read = v.safeParse(manifestPart, value);
    if (!read.success) {
      const [issue] = read.issues;
      missing(`${place} is no manifest: ${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`, next);
      continue;
    }
    const { version, notice, kernels } = read.output;
    history.push({
      ...release,
      ...(version === undefined ? {} : { version }),
      ...(notice === undefined ? {} : { notice }),
      kernels: kernels.map(({ kernel, module, fixes }) => ({
        kernel,
        ...module,
        fixes: fixes.map(({ id }) => id),
      })),
    });
  }
  return history;
}

/** What has become of each livepatch that was released, the oldest of a kernel first. */
export function releasedLivepatches(matrix: Matrix, history: readonly PastRelease[]): ReleasedLivepatch[] {
  const withdrawnFixes = new Map(
    matrix.fixes.flatMap(({ id, withdrawn }) => (withdrawn ? [[id, withdrawn] as const] : [])),
  );
  const livepatches = history.flatMap(({ kernels, folder, version, notice, withdrawn }) =>
    kernels.map((kernel) => {
      const fix = kernel.fixes.find((id) => withdrawnFixes.has(id));
      const why = withdrawn ?? withdrawnFixes.get(fix ?? '');
      return {
        ...kernel,
        folder,
        ...(version === undefined ? {} : { version }),
        ...(notice === undefined ? {} : { notice }),
        withdrawal: why && `${!withdrawn && fix ? `${fix} is ` : ''}${withdrawalWords(why)}`,
      };
    }),
  );
  return livepatches.map(({ withdrawal, ...livepatch }, index) => {
    if (withdrawal !== undefined) return { ...livepatch, state: 'withdrawn', reason: withdrawal };
    const successor = livepatches
      .slice(index + 1)
      .find((later) => later.kernel === livepatch.kernel && later.withdrawal === undefined);
    return successor
      ? {
          ...livepatch,
          state: 'superseded',
          reason: `${successor.name} of ${successor.version ?? successor.folder} follows it`,
        }
      : { ...livepatch, state: 'released' };
  });
}

/** A withdrawal in words. */
export function withdrawalWords({ by, reason }: Withdrawal): string {
  return `withdrawn by ${by}: ${reason}`;
}

/**
 * Livepatches of a kernel that machines may have loaded: the newest, and while that is withdrawn the one before, which machines may
 * have gone back to.
 */
export function inTheField(released: readonly ReleasedLivepatch[], kernel: string): ReleasedLivepatch[] {
  const own = released.filter((one) => one.kernel === kernel).reverse();
  const last = own.findIndex(({ state }) => state !== 'withdrawn');
  return last < 0 ? own : own.slice(0, last + 1);
}

/** Reads the module of a release, which must be what its manifest says. Undefined, and told through `missing`, when it is not. */
export async function readReleased(
  folder: string,
  livepatch: ReleasedLivepatch,
  missing: (what: string, next: string) => void,
): Promise<{ input: JobInput; bytes: Uint8Array } | undefined> {
  const place = join(livepatch.folder, livepatch.file);
  const bytes = await readFile(join(folder, place)).catch((error: NodeJS.ErrnoException) => {
    missing(`${place} cannot be read: ${error.code}`, 'fetch the release as it was handed over');
    return undefined;
  });
  if (!bytes) return undefined;
  const found = sha256Hex(bytes);
  if (found !== livepatch.sha256) {
    missing(
      `${place} is not what its manifest says: its SHA-256 is ${found.slice(0, 16)}…, the manifest has ${livepatch.sha256.slice(0, 16)}…`,
      'fetch the release as it was handed over',
    );
    return undefined;
  }
  return { input: inputOf(livepatch.file, found), bytes };
}

/** An input by its path. */
export function inputOf(path: string, digest: string): JobInput {
  return { name: path.replace(/^.*\//, ''), digest };
}
