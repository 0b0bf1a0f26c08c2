import type { Pitfall } from '../src/pitfall.ts';

/** Alternatives, exception table, bug table. */
export const klp312: Pitfall = {
  id: 'KLP312',
  name: 'alternatives-extable',
  title: 'Alternatives, exception table, bug table',
  severity: 'warning',
  statement:
    'These are per-file arrays; only entries of included functions may be copied, with their replacements.',
  seen: 'gcc-12, clang-14/19',
  safeWay: 'Use a tool that splits them.',
};
