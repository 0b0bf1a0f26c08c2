import type { Pitfall } from '../src/pitfall.ts';

/** A jump label on a module's key. */
export const klp310: Pitfall = {
  id: 'KLP310',
  name: 'jump-label',
  title: 'A static branch on a key of a module',
  severity: 'error',
  statement:
    'The kernel sets up the static branches of a livepatch while it loads, and resolves its references to a module later, when that module is there: for a key of the module it then takes the table entry itself for the key.',
  seen: 'gcc-12, clang-14, clang-19; keys of vmlinux are fine since Linux 5.8',
  safeWay:
    'Ask static_key_enabled() in the new code, which looks when it runs. klpkit silences tracepoints of modules in the new code, and says so.',
  foundBy: ['extract', 'rules'],
};
