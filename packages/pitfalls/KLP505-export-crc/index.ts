import type { Pitfall } from '../src/pitfall.ts';

/** Exported symbol CRC. */
export const klp505: Pitfall = {
  id: 'KLP505',
  name: 'export-crc',
  title: 'Exported symbol CRC',
  severity: 'error',
  statement:
    'With CONFIG_MODVERSIONS every exported symbol has a CRC of its expanded prototype; a fix that changes it, even by an include that completes an opaque type, describes another interface than the one that loaded modules were built against.',
  seen: 'genksyms of Debian kernels 6.1 and 6.12',
  safeWay:
    'Keep the prototype and add a new function for a new one; hide an include that only completes a type behind #ifndef __GENKSYMS__.',
  foundBy: ['compare'],
};
