import type { Pitfall } from '../src/pitfall.ts';

/** An array without the empty element at its end. */
export const klp208: Pitfall = {
  id: 'KLP208',
  name: 'no-terminator',
  title: 'An array of the livepatch has no empty element at its end',
  severity: 'error',
  statement:
    'The kernel has no length for the arrays of objects, functions and states: it walks on until it meets an empty element, into whatever the linker put behind.',
  seen: 'at run time on Linux 6.1 and 6.12: entries of the next variable were taken for functions of the livepatch',
  safeWay: 'End each of the three arrays with { }.',
  foundBy: ['rules'],
};
