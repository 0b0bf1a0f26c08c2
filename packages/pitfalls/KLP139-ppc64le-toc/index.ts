import type { Pitfall } from '../src/pitfall.ts';

/** ppc64le: TOC and local entry points. */
export const klp139: Pitfall = {
  id: 'KLP139',
  name: 'ppc64le-toc',
  title: 'ppc64le: TOC and local entry points',
  severity: 'error',
  statement:
    'Local calls have no TOC-restore slot and a function may gain or lose its separate local entry point through the patch.',
  seen: 'powerpc64le gcc-12',
  safeWay:
    'kpatch-style -mcmodel=large and stubs; do not patch leaf functions called without nop unless callers are patched.',
};
