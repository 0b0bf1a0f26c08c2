import type { Pitfall } from '../src/pitfall.ts';

/** "once" data added by the patch. */
export const klp128: Pitfall = {
  id: 'KLP128',
  name: 'once-data',
  title: '"once" data added by the patch',
  severity: 'warning',
  statement:
    'WARN_ONCE/pr_*_once add a flag in .data.once and, for WARN, a writable bug entry; the flag lives in the patch module and resets with each new patch.',
  seen: 'gcc-12, clang-14/19; real headers',
  safeWay: 'Own static bool in the patch, or accept.',
};
