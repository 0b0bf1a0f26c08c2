import type { Pitfall } from '../src/pitfall.ts';

/** Shadow variable leak or premature free. */
export const klp219: Pitfall = {
  id: 'KLP219',
  name: 'shadow-leak',
  title: 'Shadow variable leak or premature free',
  severity: 'warning',
  statement:
    'Nothing frees shadow data on unload or replace; freeing in module_exit of a replaced patch destroys data in use.',
  seen: 'run time 6.1',
  safeWay: 'Free with the parent object and in post_unpatch.',
};
