import type { Pitfall } from '../src/pitfall.ts';

/** A licence that the kernel does not count as compatible with the GPL. */
export const klp202: Pitfall = {
  id: 'KLP202',
  name: 'licence',
  title: 'The licence is not compatible with the GPL',
  severity: 'error',
  statement:
    'klp_enable_patch() is exported to modules under the GPL only; for any other licence the symbol does not exist, at build time for modpost and at load time for the module loader.',
  seen: 'modpost of Linux 6.1: GPL-incompatible module uses GPL-only symbol; at run time on Linux 6.1 and 6.12: Unknown symbol klp_enable_patch',
  safeWay: 'Write MODULE_LICENSE("GPL"), or another of the licences that the kernel lists as compatible.',
  foundBy: ['rules'],
};
