import type { Pitfall } from '../src/pitfall.ts';

/** __LINE__ drift. */
export const klp127: Pitfall = {
  id: 'KLP127',
  name: 'line-drift',
  title: '__LINE__ drift',
  severity: 'warning',
  statement:
    'Moving lines changes WARN/BUG/assert immediates in unrelated functions, which then look changed.',
  seen: 'all',
  safeWay: 'Insert #line after each hunk (klp-build does) or keep line counts.',
};
