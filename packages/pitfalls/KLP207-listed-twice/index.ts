import type { Pitfall } from '../src/pitfall.ts';

/** One function twice in a livepatch. */
export const klp207: Pitfall = {
  id: 'KLP207',
  name: 'listed-twice',
  title: 'A function is listed twice',
  severity: 'error',
  statement:
    'Each function of a livepatch has a folder NAME,POSITION in sysfs; the second entry for one function collides with the first, and the kernel refuses the livepatch with EEXIST.',
  seen: 'at run time on Linux 6.1 and 6.12: EEXIST, cannot create duplicate filename',
  safeWay: 'Keep one entry. Positions 0 and 1 are the same function for the kernel.',
  foundBy: ['rules', 'extract'],
};
