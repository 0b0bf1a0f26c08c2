import type { Pitfall } from '../src/pitfall.ts';

/** Other IPMODIFY users. */
export const klp221: Pitfall = {
  id: 'KLP221',
  name: 'ipmodify-users',
  title: 'Other IPMODIFY users',
  severity: 'warning',
  statement:
    'A kprobe with post_handler and a livepatch exclude each other on one function; a plain kprobe does not.',
  seen: 'run time 6.1',
  safeWay: 'Remove the probe first.',
};
