import type { ObjectModel, Piece } from '@klpkit/compare';
import { isObjectDiff } from '../src/builders.ts';
import { callersOf } from '../src/calls.ts';
import { cloneOf, sourceName } from '../src/clones.ts';
import { replacements } from '../src/evidence.ts';
import { refersTo } from '../src/module.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { isTouched } from '../src/unit.ts';
import { list, unique } from '../src/words.ts';

/** Partial inlining (.part). */
export const klp105: Pitfall = {
  id: 'KLP105',
  name: 'partial-inline',
  title: 'Partial inlining (.part)',
  severity: 'error',
  statement:
    'gcc moves the heavy rest of a function to foo.part.N and copies its cheap beginning, the guard, into the callers, which then call foo.part.N directly and never come past foo.',
  seen: 'gcc-11, gcc-12, gcc-12 for arm64, ppc64le and s390x; not clang',
  safeWay:
    'Replace the callers that hold the guard as well. Replace foo.part.N alone only when the fix is wholly inside the rest and its arguments stay the same.',
  unit: {
    needs: [],
    *find({ comparison }) {
      for (const part of partsIn(comparison.before)) {
        const name = sourceName(part.name);
        if (!isTouched({ comparison }, name)) continue;
        const callers = unique(
          callersOf(comparison.before, part).map((caller) => sourceName(caller.name)),
        ).filter((caller) => caller !== name);
        if (callers.length === 0) continue;
        const unchanged = callers.filter((caller) => !isTouched({ comparison }, caller));
        yield {
          severity: 'note',
          what: `${name} is split: ${list(callers)} ${callers.length === 1 ? 'holds' : 'hold'} a copy of its beginning and ${callers.length === 1 ? 'calls' : 'call'} ${part.name} directly`,
          why:
            unchanged.length === 0
              ? `a livepatch of ${name} alone would be bypassed; these callers changed, so they are replaced too`
              : `a livepatch of ${name} alone would be bypassed; the code of ${list(unchanged)} is the same on both sides, so the copies there need no change`,
          evidence: ['symbols and calls of the before object', 'comparison of the objects'],
          at: { symbol: part.name },
        };
      }
    },
  },
  livepatch: {
    needs: ['tables', 'kernel', 'code'],
    *find({ livepatch, kernel, model, elf }) {
      if (!kernel || !model || isObjectDiff(livepatch, elf)) return;
      const all = replacements(livepatch);
      for (const { object, oldName, sympos } of all) {
        if (cloneOf(oldName)) continue;
        const parts = kernel
          .relatives(object, oldName)
          .filter((name) => cloneOf(name)?.kinds.includes('part') && cloneOf(name)?.source === oldName);
        if (parts.length === 0) continue;
        const called = kernel.calls(object, oldName, sympos) ?? [];
        // Whoever knows of the part replaces it, brings it along or calls the one of the kernel.
        const unknown = parts.filter(
          (part) =>
            called.includes(part) &&
            !all.some((other) => other.object === object && other.oldName === part) &&
            !refersTo(model, livepatch, part),
        );
        if (unknown.length === 0) continue;
        yield {
          severity: 'warning',
          certainty: 'likely',
          what: `${oldName} of ${object} is split: its callers may hold a copy of its beginning and call ${list(unknown)} directly`,
          why: 'such a caller never comes past the function that is replaced and goes on running the old code',
          next: `replace the callers of ${list(unknown)} as well, or build the livepatch from objects compiled before and after`,
          evidence: ['symbol table and code of the shipped kernel', 'symbols of the module'],
          at: { symbol: oldName },
        };
      }
    },
  },
};

function partsIn(model: ObjectModel): Piece[] {
  return model.pieces.filter(
    ({ kind, name }) => kind === 'function' && cloneOf(name)?.kinds.includes('part') === true,
  );
}
