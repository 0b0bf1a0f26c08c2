import { join } from 'node:path';
import { writeFileAtomic } from '@klpkit/host';
import { allFixes } from '../run.ts';
import type { Store } from '../store/index.ts';
import type { Cell, Matrix } from '../types.ts';
import { coverageHtml } from './html.ts';

/** The cells of a matrix in the order of its kernels and fixes, the livepatch of all fixes last of each kernel. */
export function orderCells(matrix: Matrix, cells: readonly Cell[]): Cell[] {
  const fixes = [...matrix.fixes.map(({ id }) => id), allFixes];
  const kernels = matrix.kernels.map(({ id }) => id);
  const place = ({ kernel }: Cell) => {
    // `debian:6.1` begins `debian:6.12.117+deb12-amd64` as well, and is not what it stands for.
    const fitting = kernels.filter((id) => kernel.startsWith(id)).sort((a, b) => b.length - a.length);
    return fitting[0] === undefined ? kernels.length : kernels.indexOf(fitting[0]);
  };
  return [...cells].sort(
    (a, b) =>
      place(a) - place(b) ||
      (a.kernel < b.kernel ? -1 : a.kernel > b.kernel ? 1 : fixes.indexOf(a.fix) - fixes.indexOf(b.fix)),
  );
}

/** Writes `index.html` and, below `reports/`, the page of every livepatch that the store has. */
export async function writeCoverage(
  folder: string,
  title: string,
  cells: readonly Cell[],
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
    coverageHtml(title, cells, (cell) => pages.get(cell)),
  );
}
