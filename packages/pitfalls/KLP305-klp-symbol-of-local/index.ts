import { isObjectDiff } from '../src/builders.ts';
import { cloneOf } from '../src/clones.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { unique } from '../src/words.ts';

/** A KLP symbol that leads into code with a convention of its own. */
export const klp305: Pitfall = {
  id: 'KLP305',
  name: 'klp-symbol-of-local',
  title: 'A KLP symbol leads to a specialised or cold piece of code',
  severity: 'error',
  statement:
    'A KLP relocation can name foo.isra.0, foo.constprop.0 or foo.cold, whose parameters are not those of foo in the source; code that calls it as the source has it passes the wrong values, and nothing notices.',
  seen: 'gcc-11, gcc-12 and clang-19 make such pieces; at run time on Linux 6.1 and 6.12: the wrong answer, without a word',
  safeWay:
    'Copy the callee into the livepatch, or build it from objects that were compiled with the flags of the kernel, so that both sides of the call agree.',
  livepatch: {
    needs: [],
    *find({ livepatch, elf }) {
      const names = unique(
        livepatch.klpRelocations.flatMap(({ symbolObject, name }) =>
          name === undefined ? [] : [`${symbolObject}:${name}`],
        ),
      );
      for (const one of names) {
        const [object, name] = [one.slice(0, one.indexOf(':')), one.slice(one.indexOf(':') + 1)];
        const isCold = /\.cold(\.\d+)?$/.test(name);
        // Code that was cut out of an object of the kernel calls a clone as the kernel does.
        if (!isCold && (!cloneOf(name) || isObjectDiff(livepatch, elf))) continue;
        yield {
          severity: isCold ? 'error' : 'warning',
          what: `the livepatch refers to ${name} of ${object}`,
          why: isCold
            ? "a cold part runs in the frame of its function: it can be reached from that function's own code alone"
            : 'the compiler made it with parameters of its own: a call as in the source passes the wrong values',
          next: isCold
            ? 'refer to the function instead'
            : 'copy the function into the livepatch instead of calling that piece',
          certainty: isCold ? 'certain' : 'likely',
          evidence: ['KLP relocations'],
          at: { symbol: name },
        };
      }
    },
  },
};
