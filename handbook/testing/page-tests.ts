import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { Kind } from './blocks.mjs';
import { readPages, runPage } from './run-page.ts';

/** KLPKIT_UPDATE=1 writes the output that the commands really have into the pages. */
const isUpdate = process.env.KLPKIT_UPDATE === '1';

/** One test for each page that needs what `kind` says: its commands are run, and their output is what the page shows. */
export async function testPages(kind: Kind): Promise<void> {
  const pages = (await readPages()).filter((page) => page.kind === kind);
  const running = pages.filter(({ blocks }) => blocks.some(({ type }) => type === 'console'));
  describe(`pages of the handbook (${kind})`, () => {
    test('have commands that can be run', () => {
      for (const { slug, blocks } of running)
        for (const block of blocks)
          if (block.type === 'console')
            expect(block.steps.length, `${slug}:${block.line}`).toBeGreaterThan(0);
    });
    test.each(running.map((page) => [page.slug, page] as const))(
      '%s shows what its commands print',
      async (_, page) => {
        const real = await runPage(page);
        if (isUpdate && real !== page.text) await writeFile(page.path, real);
        else expect(real).toBe(page.text);
      },
    );
  });
}
