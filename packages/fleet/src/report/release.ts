import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '@klpkit/findings';
import { makeFolderAtomic, sha256Hex, writeFileAtomic } from '@klpkit/host';
import type { Kernel } from '@klpkit/kernel';
import { inTheField, type ReleasedLivepatch } from '../history.ts';
import { type SigningKey, signDetached, signModule } from '../sign/index.ts';
import { allFixes } from '../states.ts';
import type { Store } from '../store/index.ts';
import type { Cell, Matrix } from '../types.ts';
import { coverageOf, type ReportFacts } from './coverage.ts';

/** Version of {@link ReleaseManifest}. */
export const releaseFormat = 1;

/** A file of a release, by its path in it. */
export interface ReleaseFile {
  readonly file: string;
  /** SHA-256 of the file as it lies there. */
  readonly sha256: string;
  /** In bytes. */
  readonly size: number;
}

/** A fix that is in a livepatch of a release. */
export interface ReleaseFix {
  readonly id: string;
  readonly title?: string;
  readonly cves: readonly string[];
  /** What it does instead of mending; its CVEs are open. */
  readonly mitigation?: string;
  /** Equal where the fix alone changes a kernel in the same way; see `changeSet`. */
  readonly group?: string;
  /** Digest of everything that the fix's own livepatch was made and proven from. */
  readonly inputs: string;
}

/** The livepatch of one kernel. */
export interface ReleaseKernel {
  readonly kernel: string;
  readonly release: string;
  readonly sourceVersion?: string;
  readonly coveredUntil?: string;
  readonly module: ReleaseFile & {
    readonly name: string;
    /** SHA-256 of the module that was proven; another than `sha256` where it was signed afterwards. */
    readonly proven: string;
    /** The hash of its signature, and SHA-256 of the certificate to verify it by; absent where it is not signed. */
    readonly signature?: { readonly hash: string; readonly certificate: string };
  };
  readonly report: ReleaseFile;
  readonly page: ReleaseFile;
  readonly fixes: readonly ReleaseFix[];
  readonly objects: readonly { readonly name: string; readonly functions: readonly string[] }[];
  readonly group?: string;
  readonly inputs: string;
  /** Livepatches of this kernel that it was checked to follow. */
  readonly follows?: readonly { readonly sha256: string; readonly version?: string }[];
}

/** A livepatch that must not be loaded any more. */
export interface WithdrawnLivepatch {
  readonly kernel: string;
  readonly name: string;
  readonly version?: string;
  /** SHA-256 of the module as it was handed over. */
  readonly sha256: string;
  readonly reason: string;
}

/** `manifest.json` of a release: all that is in it, and what it was made from. No times, no paths of the machine. */
export interface ReleaseManifest {
  readonly format: typeof releaseFormat;
  readonly name: string;
  /** What people call the release, and the notice that goes with it. */
  readonly version?: string;
  readonly notice?: string;
  readonly kernels: readonly ReleaseKernel[];
  /** The block list: of all releases so far. */
  readonly withdrawn: readonly WithdrawnLivepatch[];
}

/** What is said of a release that cells do not tell. */
export interface ReleaseWords {
  readonly version?: string | undefined;
  readonly notice?: string | undefined;
}

/** How a release is signed: with which key, and by the program of which kernel. */
export interface ReleaseSigning extends SigningKey {
  readonly kernelOf: (id: string) => Promise<Pick<Kernel, 'id' | 'buildDir'>>;
}

/**
 * Writes the released livepatches into a new folder: `KERNEL/NAME.ko`, its report as JSON and page, `manifest.json`, and
 * `SHA256SUMS` over all of them. With a key the modules are signed, and `SHA256SUMS.p7s` signs the rest. The same cells give the
 * same bytes.
 *
 * @throws {UsageError} when nothing is released, something has changed since the last run, the folder is there already, or the key
 *   cannot sign
 * @throws {StoreError} when the store lacks something
 */
export async function writeRelease(
  folder: string,
  matrix: Matrix,
  cells: readonly Cell[],
  facts: ReportFacts,
  store: Store,
  { version, notice, signing }: ReleaseWords & { readonly signing?: ReleaseSigning | undefined } = {},
): Promise<ReleaseManifest> {
  const stale = cells.filter(({ fix, isStale }) => fix === allFixes && isStale);
  if (stale.length > 0)
    throw new UsageError(
      `the matrix has changed since the livepatch of ${stale.map(({ kernel }) => kernel).join(', ')} was proven`,
      'run the matrix again before it is released',
    );
  let manifest: ReleaseManifest | undefined;
  const isNew = await makeFolderAtomic(folder, async (place) => {
    const files = new Map<string, string>();
    const write = async (file: string, bytes: Uint8Array): Promise<ReleaseFile> => {
      await writeFileAtomic(join(place, file), bytes);
      const sha256 = sha256Hex(bytes);
      files.set(file, sha256);
      return { file, sha256, size: bytes.length };
    };
    const kernels: ReleaseKernel[] = [];
    for (const { livepatch, live, mitigated, released } of coverageOf(cells, facts))
      if (livepatch?.state === 'released') {
        const fixes = fixesOf(matrix, cells, livepatch, [...live, ...mitigated]);
        const follows = inTheField(released, livepatch.kernel);
        kernels.push(await writeKernel(livepatch, { fixes, follows, store, write, signing }));
      }
    if (kernels.length === 0)
      throw new UsageError(
        'no kernel of the matrix has a released livepatch',
        'klpkit matrix report tells why',
      );
    manifest = {
      format: releaseFormat,
      name: matrix.name,
      ...(version === undefined ? {} : { version }),
      ...(notice === undefined ? {} : { notice }),
      kernels,
      withdrawn: facts.released.flatMap((one) => (one.state === 'withdrawn' ? [withdrawnOf(one)] : [])),
    };
    await write('manifest.json', new TextEncoder().encode(`${JSON.stringify(manifest, undefined, 2)}\n`));
    const sums = new TextEncoder().encode(
      [...files]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([file, sha256]) => `${sha256}  ${file}\n`)
        .join(''),
    );
    await writeFile(join(place, 'SHA256SUMS'), sums);
    if (signing) await writeFile(join(place, 'SHA256SUMS.p7s'), await signDetached(sums, signing));
  });
  if (!isNew || !manifest)
    throw new UsageError(
      `${folder} is there already, and a release is not written over`,
      'name a new folder',
    );
  return manifest;
}

/** What the part of a kernel is written from, besides its cell. */
interface KernelPart {
  readonly fixes: readonly ReleaseFix[];
  readonly follows: readonly ReleasedLivepatch[];
  readonly store: Store;
  readonly write: (file: string, bytes: Uint8Array) => Promise<ReleaseFile>;
  readonly signing: ReleaseSigning | undefined;
}

function withdrawnOf({ kernel, name, version, sha256, reason = '' }: ReleasedLivepatch): WithdrawnLivepatch {
  return { kernel, name, ...(version === undefined ? {} : { version }), sha256, reason };
}

async function writeKernel(
  { kernel, release, sourceVersion, coveredUntil, artifact, group, inputs }: Cell,
  { fixes, follows, store, write, signing }: KernelPart,
): Promise<ReleaseKernel> {
  if (!artifact) throw new UsageError(`${kernel} is released without a livepatch`, 'run the matrix again');
  // What a state says becomes names of files.
  const place = kernel.replace(/[^\w.+~-]+/g, '-').replace(/^\.+/, '');
  const base = artifact.name.replace(/\.ko$/, '').replace(/[^\w-]+/g, '-');
  const proven = await store.get(artifact.digest);
  const signed = signing && (await signModule(await signing.kernelOf(kernel), proven, signing));
  return {
    kernel,
    release,
    ...(sourceVersion ? { sourceVersion } : {}),
    ...(coveredUntil ? { coveredUntil } : {}),
    module: {
      name: base.replaceAll('-', '_'),
      ...(await write(`${place}/${base}.ko`, signed?.module ?? proven)),
      proven: artifact.digest,
      ...(signed ? { signature: { hash: signed.hash, certificate: signed.certificate.fingerprint } } : {}),
    },
    report: await write(`${place}/${base}.json`, await store.get(artifact.report)),
    page: await write(`${place}/${base}.html`, await store.get(artifact.page)),
    fixes,
    objects: artifact.objects,
    ...(group ? { group } : {}),
    inputs,
    ...(follows.length > 0
      ? {
          follows: follows.map(({ sha256, version }) => ({
            sha256,
            ...(version === undefined ? {} : { version }),
          })),
        }
      : {}),
  };
}

function fixesOf(
  matrix: Matrix,
  cells: readonly Cell[],
  { kernel }: Cell,
  live: readonly string[],
): ReleaseFix[] {
  return cells
    .filter((cell) => cell.kernel === kernel && live.includes(cell.fix))
    .map(({ fix: id, cves, group, inputs }) => {
      const { title, mitigation } = matrix.fixes.find((fix) => fix.id === id) ?? {};
      return {
        id,
        ...(title ? { title } : {}),
        cves,
        ...(mitigation === undefined ? {} : { mitigation }),
        ...(group ? { group } : {}),
        inputs,
      };
    });
}
