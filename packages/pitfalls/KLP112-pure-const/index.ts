import { countCalls } from '../src/calls.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedIndirectly, editedCallees, isInlinedInto } from '../src/unit.ts';

/** Pure and const functions: calls merged or removed. */
export const klp112: Pitfall = {
  id: 'KLP112',
  name: 'pure-const',
  title: 'Calls of a function without effect are merged or removed',
  severity: 'error',
  statement:
    'Where the compiler sees that a function has no effect, it merges repeated calls of it and deletes unused ones in the callers, so giving the function an effect changes nothing there.',
  seen: 'gcc-11, gcc-12, clang-14, clang-16, clang-19; also for global functions that are never inlined',
  safeWay:
    'Replace the callers that the comparison of the objects lists, or give the new effect to a new function and call that.',
  unit: {
    needs: ['placement', 'edits'],
    *find(evidence) {
      const { before, after } = evidence.comparison;
      for (const caller of changedIndirectly(evidence))
        for (const callee of editedCallees(evidence, caller)) {
          if (isInlinedInto(evidence, callee.before, caller.before)) continue;
          const was = countCalls(before, caller.before, callee.before);
          const is = countCalls(after, caller.after, callee.after);
          if (was === is) continue;
          yield {
            severity: 'note',
            certainty: 'likely',
            what: `${caller.name} calls ${callee.name} ${times(was)} before and ${times(is)} after the fix, although its source is the same`,
            why:
              is > was
                ? `the compiler took ${callee.name} to have no effect but its result, and left calls out; with the old ${caller.name} an effect that the fix adds would be missing there, so it is replaced too`
                : `how often the compiler lets it call ${callee.name} depends on what it knows of the effects of that; the fix changes them, and ${caller.name} is replaced because its code differs`,
            evidence: ['calls of both objects', 'lines that the fix edits'],
            at: { symbol: caller.name },
          };
        }
    },
  },
};

function times(count: number): string {
  return count === 0 ? 'nowhere' : count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`;
}
