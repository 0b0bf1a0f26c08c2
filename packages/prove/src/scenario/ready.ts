import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '@klpkit/findings';
import { readScenario } from './read.ts';
import type { Scenario } from './types.ts';

const folder = fileURLToPath(new URL('../../scenarios', import.meta.url));

/** The scenarios that klpkit brings, by name. */
export async function readyScenarios(): Promise<Scenario[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort();
  return Promise.all(
    names.map(async (name) =>
      readScenario(await readFile(join(folder, name), 'utf8'), { file: join(folder, name) }),
    ),
  );
}

/**
 * Path of a scenario: a file, or one of {@link readyScenarios} by its name.
 *
 * @throws {UsageError} that says which names there are
 */
export async function findScenario(nameOrPath: string): Promise<string> {
  if (existsSync(nameOrPath)) return nameOrPath;
  const ready = join(folder, `${basename(nameOrPath)}.yaml`);
  if (!nameOrPath.includes('/') && existsSync(ready)) return ready;
  const names = (await readyScenarios()).map(({ name }) => name);
  throw new UsageError(
    `there is no scenario ${nameOrPath}: no file of that name, and none that klpkit brings`,
    `klpkit brings ${names.join(', ')}; klpkit prove --list-scenarios says more`,
  );
}
