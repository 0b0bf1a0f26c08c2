import type { Pitfall } from '../src/pitfall.ts';

/** Sanitizer and coverage data. */
export const klp138: Pitfall = {
  id: 'KLP138',
  name: 'sanitizer-data',
  title: 'Sanitizer and coverage data',
  severity: 'warning',
  statement: 'KASAN/UBSAN add per-file anonymous writable data and constructors that any edit renumbers.',
  seen: 'gcc-12 (clang-19 noted)',
  safeWay: 'Clone, never correlate.',
};
