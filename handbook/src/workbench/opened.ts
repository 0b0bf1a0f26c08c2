import type { Graph } from './graph.ts';
import type { CodeView, View } from './protocol.ts';
import type { Table } from './table.ts';

/** What was opened, with all of its rows and code; stays in the worker. */
export interface Opened {
  readonly view: Omit<View, 'tables' | 'hasGraph'>;
  readonly tables: readonly Table[];
  /** The code behind a key of {@link View}'s cells; `undefined` for a key that means nothing. */
  code(key: string): CodeView | undefined;
  /** Who calls whom; absent where there is no code to ask, `undefined` for more than can be drawn. */
  graph?(): Graph | undefined;
}

/** The page of a pitfall; findings without a number have none. */
export function pageOf(id: string): string | undefined {
  return /^KLP\d{3}$/.test(id) ? `/pitfalls/${id.toLowerCase()}/` : undefined;
}

/** `1 function`, `2 functions`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** An offset or an address. */
export function hex(value: number): string {
  return `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;
}
