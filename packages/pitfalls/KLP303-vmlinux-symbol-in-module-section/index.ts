import type { Pitfall } from '../src/pitfall.ts';

/** A symbol of vmlinux in the section for a module. */
export const klp303: Pitfall = {
  id: 'KLP303',
  name: 'vmlinux-symbol-in-module-section',
  title: 'A KLP section for a module refers to a symbol of vmlinux',
  severity: 'error',
  statement:
    'The kernel resolves the sections of modules when the module comes, and wants symbols of vmlinux resolved when the livepatch is loaded: a section for a module that names one is refused with EINVAL.',
  seen: 'at run time on Linux 6.1 and 6.12: EINVAL, invalid access to vmlinux symbol from module-specific livepatch relocation section',
  safeWay:
    'Put the relocation into .klp.rela.vmlinux, or use the export in the ordinary way when there is one.',
  foundBy: ['rules'],
};
