import type { Pitfall } from '../src/pitfall.ts';

/** An export of a module, used like one of the kernel. */
export const klp304: Pitfall = {
  id: 'KLP304',
  name: 'module-export-used-directly',
  title: 'A symbol that a module exports is used directly',
  severity: 'warning',
  statement:
    'An ordinary reference to an export of a module makes the livepatch depend on that module: it cannot be loaded before the module, and the module cannot be unloaded as long as the livepatch is there.',
  seen: 'at run time on Linux 6.1 and 6.12: ENOENT, Unknown symbol, while the module was not loaded',
  safeWay:
    'Refer to it by a KLP relocation in the section of the patched module; klpkit build does so by itself.',
  foundBy: ['rules', 'finish'],
};
