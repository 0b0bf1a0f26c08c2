import type { Pitfall } from '../src/pitfall.ts';

/** ipa-modref: caller does not store what the callee never read. */
export const klp114: Pitfall = {
  id: 'KLP114',
  name: 'modref-store-elided',
  title: 'ipa-modref: caller does not store what the callee never read',
  severity: 'error',
  statement:
    "GCC knows which bytes a callee reads through a pointer and drops the caller's other stores; a patched callee that reads more sees stale stack.",
  seen: 'gcc-11/12 (pass is new in GCC 11); clang not affected here',
  safeWay: 'Patch the callers too, or copy what you need before the call in the patched caller.',
};
