import type { Pitfall } from '../src/pitfall.ts';

/** Licence not GPL-compatible. */
export const klp202: Pitfall = {
  id: 'KLP202',
  name: 'licence',
  title: 'Licence not GPL-compatible',
  severity: 'error',
  statement: 'klp_enable_patch is EXPORT_SYMBOL_GPL.',
  seen: 'kbuild 6.1',
  safeWay: 'MODULE_LICENSE("GPL").',
};
