import type { Pitfall } from '../src/pitfall.ts';

/** IPA-RA: caller-saved registers kept across calls. */
export const klp121: Pitfall = {
  id: 'KLP121',
  name: 'ipa-ra',
  title: 'IPA-RA: caller-saved registers kept across calls',
  severity: 'note',
  statement:
    'Neutralised: real at plain -O2, but switched off by -pg and by -fpatchable-function-entry, hence in every traceable kernel object.',
  seen: 'refuted for kernels: gcc-11/12 x86-64, gcc-12 aarch64; ppc64le/s390x examples show nothing even without -pg; clang none',
  safeWay: 'Nothing to do.',
};
