import type { Pitfall } from '../src/pitfall.ts';

/** Content of const tables. */
export const klp503: Pitfall = {
  id: 'KLP503',
  name: 'const-table-content',
  title: 'Content of const tables',
  severity: 'error',
  statement:
    'A constant table is data like any other: the kernel goes on using its own copy, whose new content the fix only has in the object. A table of pointers differs in its relocations alone, while its bytes are zeroes on both sides.',
  seen: 'gcc-12, clang-19',
  safeWay:
    'Test for the new case in the function that uses the table; a table that only changed functions use can travel with them.',
  foundBy: ['compare'],
};
