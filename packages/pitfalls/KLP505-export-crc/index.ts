import type { Pitfall } from '../src/pitfall.ts';

/** Exported symbol CRC. */
export const klp505: Pitfall = {
  id: 'KLP505',
  name: 'export-crc',
  title: 'Exported symbol CRC',
  severity: 'error',
  statement:
    'genksyms hashes the expanded prototype: a new include that completes an opaque type changes the CRC without an ABI change.',
  seen: 'genksyms from linux-kbuild-6.1',
  safeWay: '#ifndef __GENKSYMS__ around the include; new function for a real change.',
};
