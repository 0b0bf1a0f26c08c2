import type { Pitfall } from '../src/pitfall.ts';

/** Stacking without replace. */
export const klp222: Pitfall = {
  id: 'KLP222',
  name: 'stacking',
  title: 'Stacking without replace',
  severity: 'warning',
  statement:
    'The last loaded version wins per function; disabling a lower patch is allowed and has no visible effect.',
  seen: 'run time 6.1',
  safeWay: 'Use cumulative .replace patches.',
};
