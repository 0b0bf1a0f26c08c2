import type { Pitfall } from '../src/pitfall.ts';

/** Partial inlining (.part). */
export const klp105: Pitfall = {
  id: 'KLP105',
  name: 'partial-inline',
  title: 'Partial inlining (.part)',
  severity: 'error',
  statement:
    'GCC moves the heavy body to foo.part.N, inlines the guard into callers and lets them call .part directly, bypassing foo.',
  seen: 'gcc-11/12; not clang',
  safeWay:
    'Patch the callers that inline the guard as well; patch .part only if the fix is wholly inside the body and its argument list is unchanged.',
};
