import type { Pitfall } from '../src/pitfall.ts';

/** A static call of a module's key. */
export const klp311: Pitfall = {
  id: 'KLP311',
  name: 'static-call',
  title: 'A static call of a module',
  severity: 'error',
  statement:
    'The kernel reads .static_call_sites of a livepatch while it loads, before references to a module are resolved, so for a site that names a static call of a module it takes the entry itself for the key.',
  seen: 'gcc-12, clang-19; headers of Linux 6.1',
  safeWay:
    'Call through the trampoline __SCT__NAME in the ordinary way, without an entry in the table: that follows every update. klpkit does so, and says so; in source it is KLP_STATIC_CALL().',
  foundBy: ['extract', 'rules'],
};
