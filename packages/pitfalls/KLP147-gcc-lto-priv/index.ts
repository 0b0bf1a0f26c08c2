import { replacements } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';

/** Names that gcc makes with LTO. */
export const klp147: Pitfall = {
  id: 'KLP147',
  name: 'gcc-lto-priv',
  title: 'Names and objects of gcc’s LTO',
  severity: 'error',
  statement:
    'With -flto gcc’s objects hold an intermediate form and no code, and static functions of one name become foo.lto_priv.N in the linked kernel, numbered anew in every build.',
  seen: 'gcc-12 -flto; no kernel of Debian is built so',
  safeWay:
    'Compare linked objects, and take names from the kernel at hand. Mainline does not build with gcc’s LTO.',
  unit: {
    needs: [],
    *find({ comparison }) {
      const { before } = comparison;
      if (!before.elf.sections.some(({ name }) => name.startsWith('.gnu.lto_'))) return;
      yield {
        what: 'beside its code the object holds gcc’s intermediate form (.gnu.lto_ sections), of which the kernel is linked',
        why: 'the code that runs was made from all units together at that link; that of the object is another',
        next: 'compile the unit without -flto, or compare what the link has made',
        evidence: ['sections of the before object'],
      };
    },
  },
  livepatch: {
    needs: [],
    *find({ livepatch, kernel }) {
      const told = new Set<string>();
      const names = [
        ...replacements(livepatch).map(({ object, oldName }) => ({ object, name: oldName })),
        ...livepatch.klpRelocations.map(({ symbolObject, name }) => ({ object: symbolObject, name })),
      ];
      for (const { object, name } of names) {
        if (object === undefined || name === undefined || !suffix.test(name) || told.has(name)) continue;
        told.add(name);
        if ((kernel?.symbols(object, name)?.length ?? 0) > 0) continue;
        yield {
          severity: 'warning',
          what: `the livepatch names ${name} of ${object}, which holds for one build of the kernel alone`,
          why: 'gcc numbers static functions of one name in the order in which the link meets them: in another build the number may mean another function',
          next: `ask nm or /proc/kallsyms of the kernel at hand for ${name.replace(suffix, '')}`,
          evidence: ['names in the module'],
          at: { symbol: name },
        };
      }
    },
  },
};

const suffix = /\.lto_priv\.\d+$/;
