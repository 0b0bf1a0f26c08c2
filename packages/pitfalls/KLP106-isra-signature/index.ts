import type { Pitfall } from '../src/pitfall.ts';

/** IPA-SRA clone (.isra): signature differs from the source. */
export const klp106: Pitfall = {
  id: 'KLP106',
  name: 'isra-signature',
  title: 'IPA-SRA clone (.isra): signature differs from the source',
  severity: 'error',
  statement:
    'foo.isra.N takes other arguments than foo in the source; the plain name does not exist, and the same .isra.0 name can have another signature after the patch.',
  seen: 'gcc-11/12 (clang does it without a name: KLP110); run time on 6.1',
  safeWay:
    "Patch the callers with a private copy of the function, or write the new function with the clone's real signature and check it against the disassembly.",
};
