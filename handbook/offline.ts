import { createHash } from 'node:crypto';
import { glob, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The script that every page runs when it has nothing else to do: it has the site kept for reading without a network, unless the reader saves data. */
export const registration = `if ('serviceWorker' in navigator && !navigator.connection?.saveData)
  addEventListener('load', () => setTimeout(() => navigator.serviceWorker.register('/service-worker.js').catch(() => {}), 2000));`;

/** Writes `service-worker.js` into a finished site: it keeps every file of it. Pages go by the addresses that readers use. */
export async function writeServiceWorker(site: string): Promise<void> {
  const names: string[] = [];
  for await (const name of glob('**/*.*', { cwd: site, exclude: ['service-worker.js'] })) names.push(name);
  const hash = createHash('sha256');
  for (const name of names.sort()) hash.update(`${name}\0`).update(await readFile(join(site, name)));
  const files = names.map((name) => encodeURI(`/${name.replace(/(^|\/)index\.html$/, '$1')}`));
  const text = await readFile(join(import.meta.dirname, 'src/service-worker.js'), 'utf8');
  const head = `const version = '${hash.digest('hex').slice(0, 16)}';\nconst files = ${JSON.stringify(files)};\n`;
  await writeFile(join(site, 'service-worker.js'), head + text);
}
