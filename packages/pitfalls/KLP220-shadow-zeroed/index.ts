import type { Pitfall } from '../src/pitfall.ts';
import { isAllocation, shadowCalls } from '../src/shadow.ts';
import { list, unique } from '../src/words.ts';

/** What a fresh shadow variable holds. */
export const klp220: Pitfall = {
  id: 'KLP220',
  name: 'shadow-zeroed',
  title: 'A shadow variable without constructor begins as zeroes',
  severity: 'note',
  statement:
    'The kernel allocates shadow variables with kzalloc(): without a constructor they begin as zeroes, also for objects that existed before the livepatch, for which zero may be no valid state.',
  seen: 'at run time on Linux 6.1 and 6.12; older guides say that the memory is left as it was',
  safeWay: 'Let zero mean "not known yet", or give a constructor that sets what the object needs.',
  livepatch: {
    needs: ['code', 'operands'],
    *find({ model }) {
      const bare = model ? shadowCalls(model).filter((call) => isAllocation(call) && call.hasNone) : [];
      if (bare.length === 0) return;
      yield {
        what: `shadow variables that ${list(unique(bare.map(({ from }) => from.name)))} makes without a constructor begin as zeroes`,
        why: 'objects that are older than the livepatch get them too: zero must be right for these',
        next: 'see what the code does with a zero, or hand over a constructor',
        evidence: ['arguments of the calls'],
        at: { section: bare[0].from.section.name, offset: bare[0].offset, symbol: bare[0].from.name },
      };
    },
  },
};
