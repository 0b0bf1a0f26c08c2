import type { Pitfall } from '../src/pitfall.ts';

/** Outlined atomics (arm64). */
export const klp136: Pitfall = {
  id: 'KLP136',
  name: 'outline-atomics',
  title: 'Outlined atomics (arm64)',
  severity: 'error',
  statement: 'Without -mno-outline-atomics the patch calls libgcc helpers the kernel does not have.',
  seen: 'aarch64 gcc-12, clang-19',
  safeWay: "Build with the kernel's own flags.",
};
