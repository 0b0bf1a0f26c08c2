/**
 * `node handbook/follow.ts SLUG FOLDER`: follows a page to the letter in a folder, as a reader would: writes its files, runs its
 * commands, and ends with code 1 at the first output that is not what the page shows.
 */
import { isShown } from './testing/blocks.ts';
import { readPages, runPage } from './testing/run-page.ts';

const [slug, folder] = process.argv.slice(2);
const page = (await readPages()).find((one) => one.slug === slug);
if (!page || folder === undefined) {
  console.error('usage: node handbook/follow.ts SLUG FOLDER, for example start/first-livepatch .');
  process.exit(2);
}
const real = await runPage(page, { folder, onCommand: (command) => console.log(`$ ${command}`) });
if (!isShown(page.text, real)) {
  const shown = page.text.split('\n');
  const line = real.split('\n').findIndex((text, index) => text !== shown[index]);
  console.error(`${slug}: line ${line + 1} shows ${shown[line]}, but it was: ${real.split('\n')[line]}`);
  process.exit(1);
}
console.log(`${slug}: every command printed what the page shows`);
