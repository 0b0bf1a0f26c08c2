import type { Pitfall } from '../src/pitfall.ts';

/** Module not marked as livepatch. */
export const klp201: Pitfall = {
  id: 'KLP201',
  name: 'not-marked',
  title: 'Module not marked as livepatch',
  severity: 'error',
  statement: 'klp_enable_patch() refuses a module without MODULE_INFO(livepatch, "Y").',
  seen: 'run time 6.1',
  safeWay: 'Add MODULE_INFO(livepatch, "Y").',
};
