import { readModuleInfo } from '@klpkit/formats';
import type { Pitfall } from '../src/pitfall.ts';
import { list } from '../src/words.ts';

/** A livepatch that was built for another kernel, or lacks what a built one has. */
export const klp224: Pitfall = {
  id: 'KLP224',
  name: 'vermagic-and-versions',
  title: 'The livepatch was built for another kernel, or does not import a namespace',
  severity: 'error',
  statement:
    'The module loader compares the version magic and the checksum of every imported symbol, and wants the namespaces of imported symbols to be imported; a mismatch is refused, and a kernel of another release may be patched wrongly where checksums happen to agree.',
  seen: 'at run time on Linux 6.1 and 6.12: ENOEXEC, disagrees about version of symbol; EINVAL, uses symbol from namespace but does not import it',
  safeWay:
    'Build a livepatch for one kernel and load it on that one only; write MODULE_IMPORT_NS() for each namespace.',
  foundBy: ['rules'],
  livepatch: {
    needs: ['kernel'],
    *find({ elf, livepatch, kernel }) {
      const imported = new Set(readModuleInfo(elf).all('import_ns'));
      const missing = new Map<string, string[]>();
      for (const { name } of livepatch.undefinedSymbols) {
        const namespace = kernel?.facts.exported?.(name)?.namespace;
        if (!namespace || imported.has(namespace)) continue;
        missing.set(namespace, [...(missing.get(namespace) ?? []), name]);
      }
      const isAllowed = kernel?.config?.('CONFIG_MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS') === 'y';
      for (const [namespace, names] of [...missing].sort())
        yield {
          severity: isAllowed ? 'warning' : 'error',
          what: `${list(names)} ${names.length === 1 ? 'is' : 'are'} exported in the namespace ${namespace}, which the module does not import`,
          why: isAllowed
            ? 'the kernel loads it and complains'
            : 'the module loader refuses the livepatch with EINVAL',
          next: `write MODULE_IMPORT_NS(${namespace})`,
          // A kernel whose configuration is not known may be one of the few that only complain.
          ...(kernel?.config ? {} : { certainty: 'likely' as const }),
          evidence: ['exports of the kernel', '.modinfo of the module'],
          at: { section: '.modinfo', symbol: names[0] },
        };
    },
  },
};
