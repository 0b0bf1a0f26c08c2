import { coldParentName } from '@klpkit/compare';
import { replacements } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';

/** Cold part split off (.cold). */
export const klp109: Pitfall = {
  id: 'KLP109',
  name: 'cold-split',
  title: 'Cold part split off (.cold)',
  severity: 'note',
  statement:
    "The unlikely half of a function is a local symbol of its own in .text.unlikely, without an ftrace entry; it must travel with its parent, and the parent's size does not cover it.",
  seen: 'gcc-11, gcc-12; clang makes none without profile data',
  safeWay:
    'A tool that works on objects takes both parts together; for a livepatch from source there is nothing to do when it is built, but see KLP401.',
  foundBy: ['compare'],
  unit: {
    needs: [],
    *find({ comparison }) {
      for (const { status, parent, after, name } of comparison.functions) {
        if (!parent || !after || status === 'same') continue;
        const whole = comparison.functions.find((change) => change.after === parent);
        if (whole?.difference?.kind !== 'with' || whole.difference.after !== name) continue;
        yield {
          severity: 'note',
          what: `only the cold part ${name} of ${parent.name} changes; the rest of its code is the same on both sides`,
          why: 'the two parts jump into each other and share one stack frame, and only the parent has an entry that the kernel can divert: they are replaced together',
          evidence: ['comparison of the objects'],
          at: { symbol: name, section: after.section.name },
        };
      }
    },
  },
  livepatch: {
    needs: ['tables'],
    *find({ livepatch }) {
      for (const { object, oldName } of replacements(livepatch)) {
        const parent = coldParentName(oldName);
        if (parent === undefined) continue;
        yield {
          severity: 'error',
          what: `the livepatch replaces ${oldName} of ${object}, a cold part`,
          why: `a cold part is entered by a jump out of the middle of ${parent}, in the stack frame of ${parent}; it has no ftrace entry and nothing can take its place`,
          next: `replace ${parent}, which brings its cold part along`,
          evidence: ['table of the module'],
          at: { symbol: oldName },
        };
      }
    },
  },
};
