import type { Pitfall } from '../src/pitfall.ts';

/** Module-specific klp section refers to vmlinux. */
export const klp303: Pitfall = {
  id: 'KLP303',
  name: 'vmlinux-symbol-in-module-section',
  title: 'Module-specific klp section refers to vmlinux',
  severity: 'error',
  statement:
    'Rejected since commit ca376a937486: "invalid access to vmlinux symbol \'%s\' from module-specific livepatch relocation section".',
  seen: 'not run',
  safeWay: 'Put it in a vmlinux section or use the export.',
};
