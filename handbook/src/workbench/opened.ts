import type { CodeView, Graph, Table } from '../../../packages/author/src/report/parts/index.ts';
import type { View } from './protocol.ts';

/** What was opened, with all of its rows and code; stays in the worker. */
export interface Opened {
  readonly view: Omit<View, 'tables' | 'hasGraph'>;
  readonly tables: readonly Table[];
  /** The code behind a key of the cells of the tables; `undefined` for a key that means nothing. */
  code(key: string): CodeView | undefined;
  /** Who calls whom; absent where there is no code to ask, `undefined` for more than can be drawn. */
  graph?(): Graph | undefined;
}

/** The page of a pitfall; findings without a number have none. */
export function pageOf(id: string): string | undefined {
  return /^KLP\d{3}$/.test(id) ? `/pitfalls/${id.toLowerCase()}/` : undefined;
}
