import type { Pitfall } from '../src/pitfall.ts';

/** Cold part split off (.cold). */
export const klp109: Pitfall = {
  id: 'KLP109',
  name: 'cold-split',
  title: 'Cold part split off (.cold)',
  severity: 'note',
  statement:
    "The unlikely half of a function is a separate local symbol in .text.unlikely without an ftrace entry; it must travel with its parent and the parent's size does not cover it.",
  seen: 'gcc-11/12; clang not without profile data',
  safeWay:
    'Automatic with binary tools; for source-based patches nothing to do at build time, but see KLP401.',
};
