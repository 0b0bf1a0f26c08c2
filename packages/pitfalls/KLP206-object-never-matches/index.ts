import type { Pitfall } from '../src/pitfall.ts';

/** A name that no module ever has. */
export const klp206: Pitfall = {
  id: 'KLP206',
  name: 'object-never-matches',
  title: 'The name of the object matches no module',
  severity: 'error',
  statement:
    'klp_object.name is compared with the name under which a module is loaded; kvm-intel, loop.ko or the text vmlinux match nothing, and the livepatch loads and never patches.',
  seen: 'at run time on Linux 6.1 and 6.12: patching complete, patched stays 0, the function runs unchanged',
  safeWay:
    'Write the name as lsmod shows it, with underscores and without .ko; for the kernel itself leave the name NULL.',
  foundBy: ['rules'],
};
