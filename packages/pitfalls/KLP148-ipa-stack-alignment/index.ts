import type { Pitfall } from '../src/pitfall.ts';

/** IPA stack alignment. */
export const klp148: Pitfall = {
  id: 'KLP148',
  name: 'ipa-stack-alignment',
  title: 'IPA stack alignment',
  severity: 'note',
  statement: 'Neutralised on x86-64 kernels by -mpreferred-stack-boundary=3.',
  seen: 'gcc-12',
  safeWay: 'Nothing to do.',
};
