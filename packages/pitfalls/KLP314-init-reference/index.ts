import type { Pitfall } from '../src/pitfall.ts';

/** Reference to init code or data. */
export const klp314: Pitfall = {
  id: 'KLP314',
  name: 'init-reference',
  title: 'Reference to init code or data',
  severity: 'error',
  statement: 'Init memory is freed; a relocation into it resolves to garbage or fails.',
  seen: 'gcc-12, clang-19; run time for start_kernel',
  safeWay: 'Copy the needed logic; use callbacks for state.',
};
