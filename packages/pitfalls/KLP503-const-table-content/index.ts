import type { Pitfall } from '../src/pitfall.ts';

/** Content of const tables. */
export const klp503: Pitfall = {
  id: 'KLP503',
  name: 'const-table-content',
  title: 'Content of const tables',
  severity: 'error',
  statement: 'handlers[] changes only by a relocation: raw bytes are zero on both sides.',
  seen: 'gcc-12, clang-19',
  safeWay: 'Test for the new case in the function that uses the table.',
};
