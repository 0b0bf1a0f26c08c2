import type { Pitfall } from '../src/pitfall.ts';

/** No ftrace entry. */
export const klp130: Pitfall = {
  id: 'KLP130',
  name: 'no-fentry',
  title: 'A function without ftrace entry',
  severity: 'error',
  statement:
    'A livepatch takes a function over at its ftrace entry; notrace and noinstr functions, inline ones that the compiler kept as functions, assembly, and files built without -pg have none.',
  seen: 'gcc-12, clang-14, clang-19; at run time on Linux 6.1: failed to find location for function, EINVAL',
  safeWay:
    'Patch the callers instead. klpkit does so by itself for static functions that nothing but calls leads to; for others, move the change into a function that has an entry.',
  foundBy: ['extract'],
};
