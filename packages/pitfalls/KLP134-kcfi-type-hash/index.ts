import type { Pitfall } from '../src/pitfall.ts';

/** kCFI type hash. */
export const klp134: Pitfall = {
  id: 'KLP134',
  name: 'kcfi-type-hash',
  title: 'kCFI type hash',
  severity: 'error',
  statement:
    'Changing a prototype changes the hash in front of the function; unpatched indirect callers trap.',
  seen: 'clang-16/19 -fsanitize=kcfi',
  safeWay: 'Keep the prototype of address-taken functions; add a wrapper.',
};
