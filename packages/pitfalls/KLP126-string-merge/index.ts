import type { Pitfall } from '../src/pitfall.ts';

/** String literals merged. */
export const klp126: Pitfall = {
  id: 'KLP126',
  name: 'string-merge',
  title: 'String literals merged',
  severity: 'note',
  statement:
    'Literals are unnamed bytes in SHF_MERGE sections; section names mention the first user, final link shares suffixes, addresses change with any edit.',
  seen: 'gcc-11/12, clang-14/19',
  safeWay: "Use the patch's own copy of strings.",
};
