import type { Pitfall } from '../src/pitfall.ts';

/** Assembly, entry and noinstr code. */
export const klp408: Pitfall = {
  id: 'KLP408',
  name: 'assembly-entry-noinstr',
  title: 'Assembly, entry and noinstr code',
  severity: 'error',
  statement: 'Cannot be traced or unwound reliably.',
  seen: 'compiled (KLP130)',
  safeWay: 'Reboot, or callback that rewrites data.',
};
