import { readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { type Finding, Refusal, UsageError } from '@klpkit/findings';
import { type Manifest, manifestFile } from '@klpkit/livepatch';
import { readManifest } from './manifest.ts';

/** Largest C file that is compiled: a whole unit of the kernel with everything expanded is below. */
const mostBytes = 64 * 2 ** 20;

/** A livepatch as a folder of C, read. */
export interface SourceFolder {
  /** Without links. */
  readonly path: string;
  readonly manifest: Manifest;
  /** The text of `main`, of all sources and of the files of `modules`, by their paths in the manifest. */
  readonly texts: ReadonlyMap<string, string>;
}

/**
 * Reads a folder's manifest and the C files that it names.
 *
 * @throws {UsageError} for a folder without manifest
 * @throws {Refusal} for a manifest with faults, and for files that are not there or lie elsewhere
 */
export async function readSourceFolder(folder: string): Promise<SourceFolder> {
  const path = await realpath(folder).catch(() => {
    throw new UsageError(`${folder}: there is no such folder`);
  });
  const json = await readFile(join(path, manifestFile), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
    throw new UsageError(
      `${folder}: there is no ${manifestFile} in this folder`,
      'klpkit source writes such a folder from a fix; for a fix itself, name the patch file',
    );
  });
  const manifest = readManifest(json);
  const texts = new Map<string, string>();
  const findings: Finding[] = [];
  if (manifest.sources.length === 0)
    findings.push({
      id: 'manifest',
      severity: 'error',
      what: 'no C file is named',
      next: 'name at least one',
      at: { file: manifestFile, symbol: 'sources' },
    });
  const files: [string, string][] = manifest.sources.map(({ file }, at) => [`sources[${at}].file`, file]);
  if (manifest.main !== undefined) files.push(['main', manifest.main]);
  manifest.modules?.forEach((module, at) => {
    module.files.forEach((file, place) => {
      files.push([`modules[${at}].files[${place}]`, file]);
    });
  });
  for (const [at, file] of files) {
    const problem = await problemOf(path, file);
    if (problem)
      findings.push({
        id: 'manifest',
        severity: 'error',
        what: `${file}: ${problem}`,
        next: 'name a C file of the folder',
        at: { file: manifestFile, symbol: at },
      });
    else texts.set(file, await readFile(join(path, file), 'utf8'));
  }
  if (findings.length > 0) throw new Refusal(findings);
  return { path, manifest, texts };
}

async function problemOf(folder: string, file: string): Promise<string | undefined> {
  const found = await realpath(join(folder, file)).catch(() => undefined);
  if (found === undefined) return 'there is no such file in the folder';
  if (!found.startsWith(folder.endsWith(sep) ? folder : folder + sep)) return 'it leads out of the folder';
  const { size, isFile } = await stat(found).then((one) => ({ size: one.size, isFile: one.isFile() }));
  if (!isFile) return 'it is no file';
  return size > mostBytes ? `${size} bytes are more than a C file has` : undefined;
}
