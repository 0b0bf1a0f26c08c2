import { countCalls } from '../src/calls.ts';
import { frameStores, givesFrameAway } from '../src/operands.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedIndirectly, editedCallees, isInlinedInto } from '../src/unit.ts';

/** ipa-modref: the caller does not store what the callee never read. */
export const klp114: Pitfall = {
  id: 'KLP114',
  name: 'modref-store-elided',
  title: 'The caller does not store what the callee never read',
  severity: 'error',
  statement:
    'gcc knows which bytes a function reads through a pointer, and its callers leave the other stores out; a replaced function that reads more finds what the stack happened to hold.',
  seen: 'gcc-11, gcc-12, whose pass ipa-modref is new in GCC 11; not clang',
  safeWay:
    'Replace the callers too, or let the new function read only what the old one read and fetch the rest in a caller that is replaced.',
  unit: {
    needs: ['placement', 'edits', 'operands'],
    *find(evidence) {
      const { before, after } = evidence.comparison;
      for (const caller of changedIndirectly(evidence)) {
        if (!givesFrameAway(before, caller.before) || !givesFrameAway(after, caller.after)) continue;
        const was = frameStores(before, caller.before);
        const is = frameStores(after, caller.after);
        if (was === undefined || is === undefined || was >= is) continue;
        const callees = editedCallees(evidence, caller).filter(
          (callee) =>
            !isInlinedInto(evidence, callee.before, caller.before) &&
            countCalls(before, caller.before, callee.before) ===
              countCalls(after, caller.after, callee.after),
        );
        if (callees.length !== 1) continue;
        const [callee] = callees;
        yield {
          severity: 'note',
          certainty: 'likely',
          what: `${caller.name} stores more into its stack frame before it calls ${callee.name} than it did, although its source is the same`,
          why: `the compiler knew what the old ${callee.name} reads through its pointer and left the other stores out; the new one reads more, and with the old ${caller.name} it would find stale stack, so both are replaced`,
          evidence: ['code of both objects', 'lines that the fix edits'],
          at: { symbol: caller.name },
        };
      }
    },
  },
};
