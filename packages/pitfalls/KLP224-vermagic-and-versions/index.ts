import type { Pitfall } from '../src/pitfall.ts';

/** vermagic, modversions, namespaces. */
export const klp224: Pitfall = {
  id: 'KLP224',
  name: 'vermagic-and-versions',
  title: 'vermagic, modversions, namespaces',
  severity: 'error',
  statement: 'A patch built for another configuration or with changed CRCs is refused.',
  seen: 'not run (CRC part: KLP505)',
  safeWay: 'Build against the exact kernel; MODULE_IMPORT_NS.',
};
