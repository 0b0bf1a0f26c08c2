import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Pitfall } from './pitfall.ts';

const room = dirname(dirname(fileURLToPath(import.meta.url)));

/** The folder of a pitfall: its page, its cases, its test. */
export function folderOf({ id, name }: Pick<Pitfall, 'id' | 'name'>): string {
  return join(room, `${id}-${name}`);
}

/** The page of a pitfall: Markdown. */
export function readPage(pitfall: Pick<Pitfall, 'id' | 'name'>): Promise<string> {
  return readFile(join(folderOf(pitfall), 'page.mdx'), 'utf8');
}
