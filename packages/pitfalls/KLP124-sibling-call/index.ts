import type { Pitfall } from '../src/pitfall.ts';

/** Sibling (tail) call. */
export const klp124: Pitfall = {
  id: 'KLP124',
  name: 'sibling-call',
  title: 'Sibling (tail) call',
  severity: 'note',
  statement:
    "The caller's frame is gone while the callee sleeps, so the caller is not in the stack trace; harmless for consistency on x86, a hard error on ppc64le across modules.",
  seen: 'gcc-11/12, clang-14/16/19 (ORC kernels); off with CONFIG_FRAME_POINTER; run time on 6.1',
  safeWay: 'ppc64le: __attribute__((optimize("-fno-optimize-sibling-calls"))). Elsewhere nothing.',
};
