import type { Pitfall } from '../src/pitfall.ts';

/** Static local variables renumbered. */
export const klp122: Pitfall = {
  id: 'KLP122',
  name: 'static-local-renumber',
  title: 'Static local variables renumbered',
  severity: 'error',
  statement:
    'GCC names static locals var.N with N counting from the end of the file; adding a function at the bottom renames them all, and an old name can denote another variable.',
  seen: 'gcc-11/12; clang uses func.var (stable)',
  safeWay: 'Let the tool correlate; in hand-written patches reference the original with its sympos.',
};
