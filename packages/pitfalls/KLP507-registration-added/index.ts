import type { Pitfall } from '../src/pitfall.ts';

/** Module parameters, sysctl tables, initcalls, exports added by a patch. */
export const klp507: Pitfall = {
  id: 'KLP507',
  name: 'registration-added',
  title: 'Module parameters, sysctl tables, initcalls, exports added by a patch',
  severity: 'error',
  statement: 'Registration ran at boot; a patch cannot add entries to those sections.',
  seen: 'not run',
  safeWay: 'Register from a callback.',
};
