import type { Pitfall } from '../src/pitfall.ts';

/** Address of a const object is its identity. */
export const klp142: Pitfall = {
  id: 'KLP142',
  name: 'const-object-identity',
  title: 'Address of a const object is its identity',
  severity: 'error',
  statement:
    'A copied ops/table in the patch has another address; code that compares pointers no longer recognises it.',
  seen: 'gcc-12, clang-19',
  safeWay: 'Refer to the original object by klp relocation.',
};
