import type { Pitfall } from '../src/pitfall.ts';

/** Disable or replace goes back to old code. */
export const klp411: Pitfall = {
  id: 'KLP411',
  name: 'back-to-old-code',
  title: 'Disable or replace goes back to old code',
  severity: 'warning',
  statement: 'Data written by the new code must be readable by the old one.',
  seen: 'not run',
  safeWay: 'klp_state, pre_unpatch clean-up.',
};
