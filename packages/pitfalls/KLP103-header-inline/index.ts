import type { Pitfall } from '../src/pitfall.ts';

/** static inline in a header. */
export const klp103: Pitfall = {
  id: 'KLP103',
  name: 'header-inline',
  title: 'static inline in a header',
  severity: 'warning',
  statement:
    'A changed header inline lives, as copies, in every object that includes the header, in modules too; some units also keep a local out-of-line copy that cannot be traced.',
  seen: 'gcc-12, clang-19',
  safeWay: 'Move the fix into the .c callers that matter, or patch all users; do not touch the header.',
};
