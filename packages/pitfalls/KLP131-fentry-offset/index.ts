import type { Pitfall } from '../src/pitfall.ts';

/** Where the ftrace entry is. */
export const klp131: Pitfall = {
  id: 'KLP131',
  name: 'fentry-offset',
  title: 'Where the ftrace entry is',
  severity: 'note',
  statement:
    'The entry is at +0, +4 (endbr64), behind 16 NOPs of padding, after the ppc64le TOC set-up or before it, depending on flags; without -mfentry it comes after the prologue.',
  seen: 'gcc-12 x86-64/ppc64le/s390x/aarch64, clang-19',
  safeWay: 'n/a (knowledge for other rules)',
};
