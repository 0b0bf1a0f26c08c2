import type { Pitfall } from '../src/pitfall.ts';

/** Removed or replaced function stays reachable. */
export const klp143: Pitfall = {
  id: 'KLP143',
  name: 'function-removed',
  title: 'Removed or replaced function stays reachable',
  severity: 'warning',
  statement: 'Deleting a function from the source does not remove it: registered pointers keep calling it.',
  seen: 'gcc-12, clang-19',
  safeWay: 'Patch the old function itself (same name).',
};
