import type { Cell, TableView } from './view.ts';

/** Rows of a table that are shown at once. */
export const shownRows = 200;

/** A table whose rows are made when they are shown. */
export interface Table {
  readonly id: string;
  readonly title: string;
  readonly intro?: string;
  readonly columns: readonly string[];
  readonly count: number;
  row(index: number): readonly Cell[];
  /** What a search looks at; that of the row's cells when absent. */
  text?(index: number): string;
}

/** A table of rows that are there already. */
export function tableOf(
  id: string,
  title: string,
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
  intro?: string,
): Table {
  return { id, title, columns, count: rows.length, row: (index) => rows[index], ...(intro ? { intro } : {}) };
}

/** The rows of a table that hold every word of a query, as far as they are shown; upper and lower case are the same. */
export function searchTable(table: Table, query = '', most = shownRows): TableView {
  const { id, title, intro, columns, count } = table;
  const words = query
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const text = (index: number) => (table.text?.(index) ?? textOf(table.row(index))).toLowerCase();
  const rows: (readonly Cell[])[] = [];
  let total = 0;
  if (words.length === 0) {
    total = count;
    for (let index = 0; index < Math.min(count, most); index++) rows.push(table.row(index));
  } else {
    for (let index = 0; index < count; index++) {
      const has = text(index);
      if (!words.every((word) => has.includes(word))) continue;
      total++;
      if (rows.length < most) rows.push(table.row(index));
    }
  }
  return { id, title, columns, rows, total, all: count, ...(intro ? { intro } : {}) };
}

function textOf(cells: readonly Cell[]): string {
  return cells.map((cell) => (typeof cell === 'string' ? cell : cell.text)).join(' ');
}
