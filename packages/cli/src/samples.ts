import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '@klpkit/findings';
import { makeFolderAtomic } from '@klpkit/host';
import { livepatchNames } from './livepatch-name.ts';

/** A livepatch to start from. */
export interface Sample {
  readonly name: string;
  /** What it shows, in a sentence. */
  readonly summary: string;
}

/** The samples of the repository. */
export const samplesFolder = fileURLToPath(new URL('../../../samples/', import.meta.url));

/** What a build leaves in a sample's folder. */
const built = /\.ko$|^livepatch-.*\.(json|html)$/;

/** The samples that there are, by name. The summary is the first paragraph of the sample's README. */
export async function listSamples(): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const entry of await readdir(samplesFolder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const text = await readFile(join(samplesFolder, entry.name, 'README.md'), 'utf8');
    const paragraph = text.split(/\n{2,}/).find((part) => !part.startsWith('#')) ?? '';
    samples.push({ name: entry.name, summary: paragraph.trim().replaceAll('\n', ' ') });
  }
  return samples.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A sample's files, as they are in the repository, by their paths in its folder. */
export async function sampleFiles(name: string): Promise<Map<string, string>> {
  const folder = join(samplesFolder, name);
  const files = new Map<string, string>();
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  for (const entry of entries.filter((one) => one.isFile() && !built.test(one.name))) {
    const path = join(entry.parentPath, entry.name);
    files.set(relative(folder, path), await readFile(path, 'utf8'));
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Copies a sample to a folder of its own, its livepatches called after that folder: `livepatch_callbacks` becomes
 * `livepatch_my_fix` in `my-fix`.
 *
 * @returns paths of the files in the folder, sorted, and the module's name
 * @throws {UsageError} for a sample that there is not, a folder that is not empty, a name that no module can have
 */
export async function copySample(
  name: string,
  folder: string,
): Promise<{ readonly files: readonly string[]; readonly module: string }> {
  const samples = await listSamples();
  if (!samples.some((sample) => sample.name === name))
    throw new UsageError(
      `there is no sample ${name}`,
      `there are ${samples.map((sample) => sample.name).join(', ')}`,
    );
  const names = livepatchNames(basename(resolve(folder)), '');
  const from = `livepatch_${name.replaceAll('-', '_')}`;
  const files = new Map<string, string>();
  for (const [path, text] of await sampleFiles(name))
    files.set(path, renamed(text, path, name, { from, ...names }));
  for (const text of files.values())
    for (const [module] of text.matchAll(new RegExp(`\\b${names.module}\\w*`, 'g')))
      if (module.length > 55)
        throw new UsageError(
          `${basename(resolve(folder))} is too long a name: ${module} would have ${module.length} characters, the kernel takes 55`,
          'choose a shorter name for the folder',
        );
  await needEmpty(folder);
  const isMade = await makeFolderAtomic(folder, async (temporary) => {
    for (const [path, text] of files) {
      await mkdir(dirname(join(temporary, path)), { recursive: true });
      await writeFile(join(temporary, path), text);
    }
  });
  if (!isMade) throw new UsageError(`${folder} was made by somebody else meanwhile`, 'name another folder');
  return { files: [...files.keys()], module: names.module };
}

function renamed(
  text: string,
  path: string,
  sample: string,
  names: { readonly from: string; readonly module: string; readonly file: string },
): string {
  const result = text
    .replaceAll(names.from, names.module)
    .replaceAll(names.from.replaceAll('_', '-'), names.file);
  if (!path.endsWith('.yaml')) return result;
  const own = names.file.replace(/^livepatch-/, '');
  return result.replace(new RegExp(`^name: ${sample}`, 'm'), `name: ${own}`);
}

/** An empty folder gives way to the copy. */
async function needEmpty(folder: string): Promise<void> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    if (error.code === 'ENOTDIR') throw new UsageError(`${folder} is a file`, 'name another folder');
    throw error;
  });
  if (!found) return;
  if (found.length > 0)
    throw new UsageError(`${folder} is not empty: there is ${found.sort()[0]}`, 'name another folder');
  if (resolve(folder) === process.cwd())
    throw new UsageError('the folder that you are in cannot be made anew', 'name one that is not there yet');
  await rmdir(folder);
}
