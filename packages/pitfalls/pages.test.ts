import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pitfalls } from './src/index.ts';
import { folderOf, readPage } from './src/pages.ts';
import { rerun, transcriptsOf } from './testing/page.ts';

/** KLPKIT_UPDATE=1 writes the output that the commands really have into the pages. */
const isUpdate = process.env.KLPKIT_UPDATE === '1';

describe.each(pitfalls.map((pitfall) => [pitfall.id, pitfall] as const))('the page of %s', (_, pitfall) => {
  test('shows what its commands print', { timeout: 60_000 }, async () => {
    const page = await readPage(pitfall);
    const real = await rerun(folderOf(pitfall), page);
    if (isUpdate && real !== page) await writeFile(join(folderOf(pitfall), 'page.mdx'), real);
    else expect(real).toBe(page);
    expect(transcriptsOf(page).length).toBeGreaterThan(0);
  });
});
