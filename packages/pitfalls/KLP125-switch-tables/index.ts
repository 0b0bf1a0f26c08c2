import type { Pitfall } from '../src/pitfall.ts';

/** switch turned into tables. */
export const klp125: Pitfall = {
  id: 'KLP125',
  name: 'switch-tables',
  title: 'switch turned into tables',
  severity: 'warning',
  statement:
    'A switch over values becomes an anonymous table: the patch may change only data while the code stays identical. Jump tables are disabled in retpoline kernels, value tables are not (gcc).',
  seen: 'gcc-11/12: CSWTCH.N even with -fno-jump-tables; clang: -fno-jump-tables removes both',
  safeWay: 'Include the table (never correlate CSWTCH with the original).',
};
