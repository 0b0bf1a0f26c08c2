import type { Pitfall } from '../src/pitfall.ts';

/** A function that moves to another section of code. */
export const klp129: Pitfall = {
  id: 'KLP129',
  name: 'section-move',
  title: 'A function moves to another section of code',
  severity: 'note',
  statement:
    'When a fix takes the last hot caller of a function away, gcc moves the function to .text.unlikely; tools that compare section by section take that for a change, or refuse it.',
  seen: 'gcc-11, gcc-12; clang does not do it',
  safeWay:
    'Nothing: where a function lies changes nothing for a livepatch. Do not add noinline or hot to the fix because of it.',
  unit: {
    needs: [],
    *find({ comparison }) {
      for (const { name, status, before, after } of comparison.functions) {
        if (!before || !after) continue;
        const [was, is] = [kindOf(before.section.name), kindOf(after.section.name)];
        if (was === undefined || is === undefined || was === is) continue;
        yield {
          what: `${name} moves from ${was} to ${is}${status === 'same' ? '; its code is the same, so it is not replaced' : ', and is compiled otherwise there'}`,
          why: 'the compiler now takes all of its callers for cold (or no longer does), which the fix changed without touching it',
          evidence: ['sections of the objects'],
          at: { symbol: name },
        };
      }
    },
  },
};

/** `.text` or `.text.unlikely` of `.text.f` and `.text.unlikely.f`; `undefined` for a section that the source chose. */
function kindOf(section: string): string | undefined {
  const match = /^\.text(\.(?:unlikely|hot|startup|exit))?(?:\.|$)/.exec(section);
  return match ? `.text${match[1] ?? ''}` : undefined;
}
