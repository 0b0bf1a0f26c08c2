import type { Pitfall } from '../src/pitfall.ts';

/** No ftrace entry. */
export const klp130: Pitfall = {
  id: 'KLP130',
  name: 'no-fentry',
  title: 'No ftrace entry',
  severity: 'error',
  statement:
    'notrace, noinstr, inline kept out of line, assembly and files built without -pg cannot be redirected.',
  seen: 'gcc-12, clang-14/19; run time on 6.1',
  safeWay: 'Patch the callers; for syscalls use the KLP_SYSCALL_DEFINE wrappers.',
};
