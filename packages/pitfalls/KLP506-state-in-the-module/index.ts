import type { Pitfall } from '../src/pitfall.ts';

/** State kept in the patch module. */
export const klp506: Pitfall = {
  id: 'KLP506',
  name: 'state-in-the-module',
  title: 'State kept in the patch module',
  severity: 'warning',
  statement:
    'New globals and statics of the patch vanish at unload and are not handed to the replacing patch.',
  seen: 'not run',
  safeWay: 'klp_state->data or shadow variables.',
};
