import type { Pitfall } from '../src/pitfall.ts';

/** Malformed klp section or symbol. */
export const klp302: Pitfall = {
  id: 'KLP302',
  name: 'malformed-klp-section',
  title: 'Malformed klp section or symbol',
  severity: 'error',
  statement:
    '.klp.rela.<obj>.<sec> needs SHT_RELA + SHF_ALLOC + SHF_RELA_LIVEPATCH (0x00100000), .klp.sym.<obj>.<name>,<pos> needs SHN_LIVEPATCH (0xff20).',
  seen: 'not run',
  safeWay: 'Use klp-build/klp-convert.',
};
