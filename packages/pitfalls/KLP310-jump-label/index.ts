import type { Pitfall } from '../src/pitfall.ts';

/** Jump label on a module's key. */
export const klp310: Pitfall = {
  id: 'KLP310',
  name: 'jump-label',
  title: "Jump label on a module's key",
  severity: 'error',
  statement: 'A static branch whose key lives in a module is patched before the key is resolved.',
  seen: 'gcc-12, clang-14/19',
  safeWay: 'static_key_enabled() instead.',
};
