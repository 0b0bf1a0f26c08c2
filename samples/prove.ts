import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuiltFolder, buildFolder } from '@klpkit/author';
import { type Kernel, withModules } from '@klpkit/kernel';
import { type GivenModule, readScenario, type ScenarioRequest } from '@klpkit/prove';

/** The folder that holds the samples, and this file. */
export const samplesFolder = fileURLToPath(new URL('.', import.meta.url));

/** Names of the samples, sorted. */
export const sampleNames: readonly string[] = readdirSync(samplesFolder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();

/** A sample's livepatches and modules. */
export interface BuiltSample {
  /** The sample's folder. */
  readonly folder: string;
  /** One for each folder with a manifest: the sample's own first, then those below it by name. */
  readonly built: readonly BuiltFolder[];
  /** The `.ko` files by the names that `klpkit build` gives them. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * Builds what is in a sample's folder, as its README says: the livepatches below it may patch the module of the sample.
 *
 * @param temporary a folder that stays until the sample has been used
 */
export async function buildSample(kernel: Kernel, folder: string, temporary: string): Promise<BuiltSample> {
  const built: BuiltFolder[] = [];
  const files = new Map<string, Uint8Array>();
  const below = (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name))
    .sort();
  let target = kernel;
  for (const one of [folder, ...below]) {
    if (!existsSync(join(one, 'klpkit.json'))) continue;
    const result = await buildFolder(target, one, { jobs: 1 });
    built.push(result);
    files.set(`${result.plan.name.replaceAll('_', '-')}.ko`, result.module);
    for (const { name, ko } of result.modules) {
      const path = join(temporary, basename(folder), `${name}.ko`);
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, ko);
      target = withModules(target, [path]);
      files.set(`${name}.ko`, ko);
    }
  }
  return { folder, built, files };
}

/** The scenarios of a sample with the files that were built. */
export async function scenariosOf({ folder, files }: BuiltSample): Promise<ScenarioRequest[]> {
  const requests: ScenarioRequest[] = [];
  for (const name of (await readdir(folder)).filter((one) => one.endsWith('.yaml')).sort()) {
    const file = join(folder, name);
    const text = await readFile(file, 'utf8');
    const { modules } = readScenario(text, { file });
    const given = modules.map(({ alias, file: ko = '' }): [string, GivenModule] => {
      const module = files.get(ko);
      if (!module) throw new Error(`${file}: ${ko} is none of the files that are built`);
      return [alias, { module }];
    });
    requests.push({ file, text, modules: Object.fromEntries(given) });
  }
  return requests;
}
