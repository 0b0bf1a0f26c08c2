import type { Pitfall } from '../src/pitfall.ts';

/** Unchanged function moves to another text section. */
export const klp129: Pitfall = {
  id: 'KLP129',
  name: 'section-move',
  title: 'Unchanged function moves to another text section',
  severity: 'note',
  statement:
    'A function whose remaining callers are cold is moved to .text.unlikely; section-wise diff reports "symbol changed sections".',
  seen: 'gcc-11/12; clang not',
  safeWay: 'Ignore, or keep a hot caller.',
};
