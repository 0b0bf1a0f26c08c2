/**
 * `node handbook/follow.mjs SLUG FOLDER`: follows a page to the letter in a folder, as a reader would: writes its files, types its
 * commands into one shell, and ends with code 1 at the first output that is not what the page shows.
 *
 * Runs before anything is set up, on the Node of a fresh Debian 12 (20 or later) and without a package, so it is plain JavaScript. The
 * shell has the environment of the caller and nothing of ours on its PATH: what a page wants there, the page has to put there.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { blocksOf, isShown } from './testing/blocks.mjs';
import { openShell } from './testing/shell.mjs';

const docs = join(dirname(fileURLToPath(import.meta.url)), 'src/content/docs');
const [slug, folder] = process.argv.slice(2);
if (slug === undefined || folder === undefined) {
  console.error('usage: node handbook/follow.mjs SLUG FOLDER, for example start/first-livepatch .');
  process.exit(2);
}
const text = await readFile(join(docs, `${slug}.mdx`), 'utf8').catch(() => {
  console.error(`there is no page ${slug}; pages are named as in handbook/src/page-list.ts`);
  process.exit(2);
});

// What is running ends with us.
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

const start = Date.now();
let commands = 0;
// The form in which the pages show output.
const env = { ...process.env, LC_ALL: 'C', COLUMNS: '110', NO_COLOR: '1' };
const shell = openShell(resolve(folder), env, { onOutput: (text) => process.stdout.write(text) });
for (const block of blocksOf(text)) {
  if (block.type === 'file') {
    const path = join(folder, block.name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, block.text);
  }
  if (block.type !== 'console') continue;
  for (const { command, output } of block.steps) {
    console.log(`\n$ ${command}`);
    const real = (await shell.run(command)).replaceAll(resolve(folder), '.');
    commands++;
    if (isShown(output, real)) continue;
    console.error(
      `\n${slug}, the block of line ${block.line}: the command prints something else than\n\n${output}`,
    );
    process.exit(1);
  }
}
const seconds = Math.round((Date.now() - start) / 1000);
console.log(`\n${slug}: ${commands} commands, each printed what the page shows, in ${seconds} s`);
