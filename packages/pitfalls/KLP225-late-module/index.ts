import { replacements } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';

/** A module that comes after the livepatch is patched before its init. */
export const klp225: Pitfall = {
  id: 'KLP225',
  name: 'late-module',
  title: 'A module that is loaded later runs its init with the new code',
  severity: 'note',
  statement:
    'A module that comes after the livepatch is patched before its init runs, one that was there before has run its init with the old code: what the init leaves behind can differ between two machines with the same livepatch.',
  seen: 'at run time on Linux 6.1 and 6.12: the new value in the init of a module that was loaded after the livepatch',
  safeWay: 'Let the new code cope with both, and mend what the old init left behind in a callback.',
  livepatch: {
    needs: ['tables', 'kernel'],
    *find({ livepatch, kernel }) {
      for (const { object, oldName } of replacements(livepatch)) {
        if (object === 'vmlinux' || !kernel?.calls(object, 'init_module', 0)?.includes(oldName)) continue;
        yield {
          what: `the init of ${object} calls ${oldName}`,
          why: `a ${object} that is loaded after the livepatch begins with the new code, one that is there already began with the old`,
          next: 'see that the new code copes with what either leaves behind',
          evidence: ['code of the shipped module'],
          at: { symbol: oldName },
        };
      }
    },
  },
};
