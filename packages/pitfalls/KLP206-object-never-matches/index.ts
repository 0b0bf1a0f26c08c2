import type { Pitfall } from '../src/pitfall.ts';

/** Object name never matches. */
export const klp206: Pitfall = {
  id: 'KLP206',
  name: 'object-never-matches',
  title: 'Object name never matches',
  severity: 'error',
  statement:
    'klp_object.name is compared with the module name as loaded: "klpt.ko" or "kvm-intel" is accepted and silently never patches.',
  seen: 'run time 6.1',
  safeWay: 'Use the underscore name without .ko.',
};
