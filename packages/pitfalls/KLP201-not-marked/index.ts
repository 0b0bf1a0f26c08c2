import type { Pitfall } from '../src/pitfall.ts';

/** A module without the mark of a livepatch. */
export const klp201: Pitfall = {
  id: 'KLP201',
  name: 'not-marked',
  title: 'The module is not marked as a livepatch',
  severity: 'error',
  statement:
    'A module must carry livepatch=Y in its .modinfo section; klp_enable_patch() refuses one that does not with EINVAL.',
  seen: 'at run time on Linux 6.1 and 6.12: EINVAL, module is not marked as a livepatch module',
  safeWay: 'Write MODULE_INFO(livepatch, "Y") into the module.',
  foundBy: ['rules'],
};
