import type { Pitfall } from '../src/pitfall.ts';

/** Per-CPU variables. */
export const klp313: Pitfall = {
  id: 'KLP313',
  name: 'percpu-reference',
  title: 'Per-CPU variables',
  severity: 'error',
  statement:
    'Explicit sections are not split: references are .data..percpu + offset, and adding a variable moves the others.',
  seen: 'gcc-12, clang-19',
  safeWay: 'Let the tool convert; prefer shadow or plain data.',
};
