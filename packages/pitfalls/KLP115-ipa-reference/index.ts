import type { Pitfall } from '../src/pitfall.ts';

/** ipa-reference: static variable assumed untouched by a call. */
export const klp115: Pitfall = {
  id: 'KLP115',
  name: 'ipa-reference',
  title: 'ipa-reference: static variable assumed untouched by a call',
  severity: 'error',
  statement:
    'A caller keeps a static variable in a register across a call because the callee was known not to write it.',
  seen: 'gcc-11/12; clang-14/16/19 reload it',
  safeWay: 'Patch the readers as well.',
};
