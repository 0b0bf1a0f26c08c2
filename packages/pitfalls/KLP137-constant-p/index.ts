import type { Pitfall } from '../src/pitfall.ts';

/** __builtin_constant_p flips. */
export const klp137: Pitfall = {
  id: 'KLP137',
  name: 'constant-p',
  title: '__builtin_constant_p flips',
  severity: 'warning',
  statement:
    'Moving code to a helper makes sizes non-constant, so macros such as kmalloc() pick another function.',
  seen: 'gcc-11/12, clang-14/19; real headers',
  safeWay: 'Keep the constant at the call site; check that the new symbol is exported.',
};
