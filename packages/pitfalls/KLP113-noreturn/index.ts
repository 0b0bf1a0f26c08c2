import { isObjectDiff } from '../src/builders.ts';
import { replacements } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { canReturn, codeCanReturn, lastCalls } from '../src/returns.ts';
import { changedFunctions } from '../src/unit.ts';
import { list, unique } from '../src/words.ts';

/** The compiler finds out that a function never returns. */
export const klp113: Pitfall = {
  id: 'KLP113',
  name: 'noreturn',
  title: 'A function that never returned begins to return',
  severity: 'error',
  statement:
    'When the compiler sees that a function never returns, its callers have no code behind the call; once a replaced version does return, the processor runs into whatever follows.',
  seen: 'gcc-11, gcc-12, gcc-12 for arm64 and s390x, clang-14, clang-16, clang-19',
  safeWay: 'Replace every caller whose code ends in that call.',
  unit: {
    needs: [],
    *find(evidence) {
      const { before, after } = evidence.comparison;
      const changes = changedFunctions(evidence);
      for (const callee of changes) {
        if (canReturn(before, callee.before) || !canReturn(after, callee.after)) continue;
        const callers = unique(
          changes
            .filter(
              (caller) =>
                caller !== callee &&
                lastCalls(before, caller.before).includes(callee.before) &&
                !lastCalls(after, caller.after).includes(callee.after),
            )
            .map(({ name }) => name),
        );
        if (callers.length === 0) continue;
        yield {
          severity: 'note',
          what: `${callee.name} never returned and does after the fix; ${list(callers)} had no code behind the call`,
          why: `had only ${callee.name} been replaced, its return would land in whatever follows ${callers[0]}; ${callers.length === 1 ? 'that caller changed and is' : 'these callers changed and are'} replaced together with it`,
          next: `force no stack over this transition: an old ${callers[0]} that waits for the new ${callee.name} would crash (KLP215)`,
          evidence: ['code of both objects'],
          at: { symbol: callee.name },
        };
      }
    },
  },
  livepatch: {
    needs: ['tables', 'kernel', 'code'],
    *find({ livepatch, kernel, model, elf }) {
      // Whoever compares objects has the callers too: their code changes.
      if (!kernel || !model || isObjectDiff(livepatch, elf)) return;
      const all = replacements(livepatch);
      for (const { object, oldName, sympos, newSymbol } of all) {
        // Code of a module is not relocated: its returns and its jumps to others cannot be told from jumps within.
        const old = object === 'vmlinux' ? kernel.code(object, oldName, sympos) : undefined;
        const now = newSymbol === undefined ? undefined : model.named(newSymbol)[0];
        if (!old || old.length === 0 || !now || codeCanReturn(model, old) || !canReturn(model, now)) continue;
        // Where callers are replaced too, the author has thought of it.
        const replaced = all.filter(
          (other) =>
            other.object === object &&
            kernel.calls(object, other.oldName, other.sympos)?.includes(oldName) === true,
        );
        if (replaced.length > 0) continue;
        yield {
          severity: 'error',
          certainty: 'likely',
          what: `${oldName} of ${object} never returns, and the function that replaces it does`,
          why: 'the callers were compiled for a function that does not come back: behind the call there is no code of theirs, and the processor runs into what happens to follow',
          next: `replace every caller of ${oldName} as well`,
          evidence: ['code of the shipped kernel', 'code of the module'],
          at: { symbol: oldName },
        };
      }
    },
  },
};
