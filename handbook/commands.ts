import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateHelpTextForAllCommands } from '@stricli/core';
import { app } from '../packages/cli/src/app.ts';

const folder = join(import.meta.dirname, 'src/generated');

/** Writes what `--help` says of every command into `src/generated/commands.json`: pairs of name and text, sorted by name. */
export async function writeCommands(): Promise<void> {
  // The types of the command's context and of the library's differ; help needs neither.
  const texts = generateHelpTextForAllCommands(app as never);
  const sorted = texts.toSorted(([a], [b]) => (a < b ? -1 : 1));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'commands.json'), `${JSON.stringify(sorted, undefined, 1)}\n`);
}
