import { existsSync, statSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Links of the built pages that lead to no file, or to no heading of it. */
export async function badLinks(folder: string): Promise<{ readonly bad: string[]; readonly count: number }> {
  const pages = new Map<string, string>();
  for await (const name of glob('**/*.html', { cwd: folder }))
    pages.set(name, await readFile(join(folder, name), 'utf8'));
  const ids = new Map(
    [...pages].map(([name, html]) => [
      name,
      new Set([...html.matchAll(/\sid="?([^"\s>]+)/g)].map(([, id]) => id)),
    ]),
  );
  const bad = new Set<string>();
  let count = 0;
  for (const [name, html] of pages) {
    const base = new URL(name.replace(/index\.html$/, ''), 'http://site/');
    for (const [, quoted, bare] of html.matchAll(/\s(?:href|src)=(?:"([^"]*)"|([^\s>"]+))/g)) {
      const link = (quoted ?? bare ?? '').replaceAll('&amp;', '&');
      const url = new URL(link, base);
      if (url.host !== 'site') continue;
      count++;
      const path = decodeURIComponent(url.pathname).slice(1);
      const file = path === '' || path.endsWith('/') ? `${path}index.html` : path;
      const isThere = existsSync(join(folder, file)) && statSync(join(folder, file)).isFile();
      const hash = decodeURIComponent(url.hash.slice(1));
      const isHeading = hash === '' || ids.get(file)?.has(hash);
      if (!isThere || !isHeading) bad.add(`${name}: ${link}`);
    }
  }
  return { bad: [...bad].sort(), count };
}

/** Files of the site that hold one of the texts, or a date of this year or the last in the form of ISO 8601 with a time. */
export async function traces(folder: string, texts: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const name of glob('**/*.{html,js,css,json,svg,xml,txt}', { cwd: folder })) {
    const content = await readFile(join(folder, name), 'utf8');
    if (texts.some((text) => content.includes(text)) || /\b20\d\d-\d\d-\d\dT\d\d:\d\d/.test(content))
      found.push(name);
  }
  return found.sort();
}
