import { appearingVariables } from '../src/appearing.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list, verb } from '../src/words.ts';

/** A static variable that nothing read. */
export const klp117: Pitfall = {
  id: 'KLP117',
  name: 'writeonly-static',
  title: 'A static variable that nothing read does not exist',
  severity: 'warning',
  statement:
    'A static variable that is written and never read has no storage, and the stores are deleted; a fix that begins to read it sees only what replaced functions have stored since.',
  seen: 'gcc-11, gcc-12, clang-14, clang-16, clang-19',
  safeWay:
    'Replace the functions that write it, and let the new reader take the initial value for "not known yet".',
  unit: {
    needs: ['placement', 'edits'],
    *find(evidence) {
      for (const { name, readers, newReaders, oldWriters } of appearingVariables(evidence)) {
        if (oldWriters.length === 0 || newReaders.length === 0) continue;
        yield {
          severity: 'warning',
          what: `${name} has no storage in the running kernel: ${list(oldWriters)} ${verb(oldWriters, 'writes', 'write')} it and nothing read it, so the stores were deleted`,
          why: `${list(readers)} ${verb(readers, 'reads', 'read')} it now; when the livepatch is loaded the variable starts at its initial value, whatever was stored before`,
          next: `see that ${list(newReaders)} ${verb(newReaders, 'does', 'do')} right while ${name} has its initial value, or set it in a callback`,
          evidence: ['symbols of both objects', 'lines that the fix edits'],
          at: { symbol: name },
        };
      }
    },
  },
};
