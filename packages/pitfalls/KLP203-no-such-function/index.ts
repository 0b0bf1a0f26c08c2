import { replacements } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';

/** A name that the object does not have. */
export const klp203: Pitfall = {
  id: 'KLP203',
  name: 'no-such-function',
  title: 'The function to replace does not exist under that name',
  severity: 'error',
  statement:
    'klp_enable_patch() looks every old_name up in the symbol table of its object; a name that is not there, because the compiler inlined the function or gave its code a suffix, makes the kernel refuse the livepatch.',
  seen: 'at run time on Linux 6.1: ENOENT, symbol not found in symbol table',
  safeWay:
    'Take names from kallsyms of the kernel at hand, not from the source; where only a name with a suffix is left, replace the callers.',
  foundBy: ['extract', 'rules'],
  livepatch: {
    needs: ['tables', 'kernel'],
    *find({ livepatch, kernel }) {
      for (const { object, oldName } of replacements(livepatch)) {
        if (kernel?.symbols(object, oldName)?.length !== 0) continue;
        const others = kernel.relatives(object, oldName);
        if (others.length === 0) continue;
        yield {
          severity: 'note',
          what: `${object} has ${others.join(', ')}, but no ${oldName}`,
          why: 'the compiler kept the code under a name of its own, with a signature that may not be that of the source (KLP106, KLP107)',
          next: 'do not replace the name with the suffix; replace the callers',
          evidence: ['symbol table of the shipped kernel'],
          at: { symbol: oldName },
        };
      }
    },
  },
};
