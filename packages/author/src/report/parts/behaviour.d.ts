/**
 * Brings the parts below an element to life: folds of equal code, finding in code, searching in tables.
 *
 * @param search gives the rows of a table that hold the words of a query, as markup of ours, and how many they are; without it the rows that
 *   are there are shown and hidden
 */
export function liven(
  root: ParentNode,
  search?: (table: string, query: string) => Promise<{ rows: string; shown: string } | undefined>,
): void;
