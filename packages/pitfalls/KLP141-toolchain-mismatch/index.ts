import type { Pitfall } from '../src/pitfall.ts';

/** Toolchain or flags differ from the target kernel. */
export const klp141: Pitfall = {
  id: 'KLP141',
  name: 'toolchain-mismatch',
  title: 'Toolchain or flags differ from the target kernel',
  severity: 'error',
  statement:
    'With another compiler or one other flag, unchanged functions differ, so every other diagnosis is noise.',
  seen: 'gcc-11 vs 12, clang-19, eleven flags',
  safeWay: "Build in the distribution's build root.",
};
