import type { Pitfall } from '../src/pitfall.ts';

/** GCC LTO private names. */
export const klp147: Pitfall = {
  id: 'KLP147',
  name: 'gcc-lto-priv',
  title: 'GCC LTO private names',
  severity: 'warning',
  statement: 'With gcc LTO same-named statics become foo.lto_priv.N and per-file objects hold no code.',
  seen: 'gcc-12 -flto',
  safeWay: 'Diff linked objects.',
};
