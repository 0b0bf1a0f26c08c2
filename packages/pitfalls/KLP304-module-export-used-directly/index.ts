import type { Pitfall } from '../src/pitfall.ts';

/** Symbol exported by a module used directly. */
export const klp304: Pitfall = {
  id: 'KLP304',
  name: 'module-export-used-directly',
  title: 'Symbol exported by a module used directly',
  severity: 'warning',
  statement:
    'A normal relocation creates a module dependency and load order; the patched module may not be loaded yet.',
  seen: 'not run',
  safeWay: 'klp relocation.',
};
