import { join } from 'node:path';
import { writeFileAtomic } from '@klpkit/host';
import type { Store } from '../store/index.ts';
import type { Cell } from '../types.ts';
import type { ReportFacts } from './coverage.ts';
import { coverageHtml } from './html.ts';

/** Writes `index.html` and, below `reports/`, the page of every livepatch that the store has. */
export async function writeCoverage(
  folder: string,
  title: string,
  cells: readonly Cell[],
  facts: ReportFacts,
  store: Store,
): Promise<void> {
  const pages = new Map<Cell, string>();
  for (const cell of cells) {
    const { artifact } = cell;
    if (!artifact || !(await store.has(artifact.page))) continue;
    const page = `reports/${artifact.page}.html`;
    await writeFileAtomic(join(folder, page), await store.get(artifact.page));
    pages.set(cell, page);
  }
  await writeFileAtomic(
    join(folder, 'index.html'),
    coverageHtml(title, cells, facts, (cell) => pages.get(cell)),
  );
}
