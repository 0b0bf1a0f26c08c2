import type { Pitfall } from '../src/pitfall.ts';

/** System call wrappers. */
export const klp409: Pitfall = {
  id: 'KLP409',
  name: 'syscall-wrappers',
  title: 'System call wrappers',
  severity: 'error',
  statement: '__do_sys_x is inline, so notrace, and usually inlined in __se_sys_x.',
  seen: 'not run',
  safeWay: 'KLP_SYSCALL_DEFINEx / KPATCH_SYSCALL_DEFINEx.',
};
