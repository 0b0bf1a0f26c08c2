import { appearingVariables } from '../src/appearing.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list } from '../src/words.ts';

/** A static variable that nothing wrote, folded into its readers. */
export const klp116: Pitfall = {
  id: 'KLP116',
  name: 'readonly-static',
  title: 'A static variable that nothing wrote is folded into its readers',
  severity: 'error',
  statement:
    'A static variable that is only read has no storage: its initial value is part of the code that reads it. A fix that writes it needs a new variable, and new readers.',
  seen: 'gcc-11, gcc-12, clang-14, clang-16, clang-19',
  safeWay: 'Let the livepatch bring the variable along, and replace every function that reads it.',
  unit: {
    needs: ['placement', 'edits'],
    *find(evidence) {
      for (const { name, readers, writers, oldWriters } of appearingVariables(evidence)) {
        if (oldWriters.length > 0 || readers.length === 0) continue;
        yield {
          severity: 'note',
          what: `${name} has no storage in the running kernel: nothing wrote it, and its initial value is part of the code of ${list(readers)}`,
          why: `${writers.length > 0 ? `${list(writers)} ${writers.length === 1 ? 'writes' : 'write'} it now` : 'the fix makes it writable'}; the livepatch brings the variable along, with its initial value, and replaces these readers`,
          next: 'state in it lasts as long as the livepatch (KLP506)',
          evidence: ['symbols of both objects', 'lines that the fix edits'],
          at: { symbol: name },
        };
      }
    },
  },
};
