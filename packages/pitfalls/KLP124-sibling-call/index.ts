import type { ObjectModel, Piece } from '@klpkit/compare';
import { EM } from '@klpkit/formats';
import { isBranch, partsOf } from '../src/calls.ts';
import { sourceName } from '../src/clones.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions } from '../src/unit.ts';
import { list, unique, verb } from '../src/words.ts';

/** Sibling (tail) call. */
export const klp124: Pitfall = {
  id: 'KLP124',
  name: 'sibling-call',
  title: 'Sibling (tail) call',
  severity: 'note',
  statement:
    'A function that ends in a call of another one jumps there instead, and its own frame is gone while the other runs, so it is not in the stack trace. On x86 that does no harm to a livepatch; on ppc64le such a jump out of the livepatch comes back with the wrong TOC pointer.',
  seen: 'gcc-11, gcc-12, clang-14, clang-16, clang-19 on x86-64 kernels that unwind with ORC, not with CONFIG_FRAME_POINTER; gcc-12 for arm64, ppc64le and s390x; at run time on Linux 6.1',
  safeWay:
    'On ppc64le compile the function with __attribute__((optimize("-fno-optimize-sibling-calls"))). Elsewhere nothing has to be done.',
  unit: {
    needs: [],
    *find(evidence) {
      const { comparison } = evidence;
      const { before, after } = comparison;
      const isPower = after.arch.machine === EM.PPC64;
      // What the livepatch brings along itself is in the same module: a jump there stays under one TOC pointer.
      const comes = new Set(
        comparison.functions.filter(({ status }) => status !== 'same').map(({ after: piece }) => piece),
      );
      const jumps = changedFunctions(evidence).flatMap((change) => {
        const [model, piece] = isPower ? [after, change.after] : [before, change.before];
        return (
          siblingsOf(model, piece)
            // Elsewhere only the unit's own functions are worth a word: helpers of other units mostly come back at once.
            .filter((to) => (isPower ? typeof to === 'string' || !comes.has(to) : isOther(to, change)))
            .map((to) => ({ from: change.name, to: typeof to === 'string' ? to : to.name }))
        );
      });
      if (jumps.length === 0) return;
      if (isPower) {
        for (const { from, to } of jumps)
          yield {
            severity: 'error',
            what: `the new ${from} jumps to ${to} instead of calling it`,
            why: 'from a module the jump goes through a stub that changes the TOC pointer, and with no frame left nobody restores it: the caller goes on with the wrong one',
            next: `add __attribute__((optimize("-fno-optimize-sibling-calls"))) to ${from} in the fix`,
            evidence: ['code of the after object'],
            at: { symbol: from },
          };
        return;
      }
      const from = unique(jumps.map((jump) => jump.from));
      yield {
        severity: 'note',
        what: `${list(from)} ${verb(from, 'ends', 'end')} in a jump to ${list(unique(jumps.map(({ to }) => to)))}, and ${verb(from, 'is', 'are')} in no stack trace while that runs`,
        why: 'the transition does not wait for a task that came this way; it never returns into the old code, so nothing goes wrong',
        evidence: ['code of the before object'],
        at: { symbol: from[0] },
      };
    },
  },
};

/** Functions that a function jumps to with its frame gone, each once: pieces of the object, or names of others. */
function siblingsOf(model: ObjectModel, piece: Piece): (Piece | string)[] {
  const own = partsOf(model, piece);
  const found = own.flatMap((part) => {
    const jumps = model.arch
      .steps(model.content(part))
      .filter(({ branch }) => branch !== undefined && branch.kind === 'jmp');
    return model.referencesOf(part).flatMap((reference): (Piece | string)[] => {
      const at = reference.offset - part.start;
      if (!isBranch(model, part, reference)) return [];
      if (!jumps.some(({ offset, length }) => at >= offset && at < offset + length)) return [];
      const { target } = reference;
      if (target.kind === 'external') return isThunk(target.name) ? [] : [target.name];
      return target.kind === 'piece' && target.offset === 0 && !own.includes(target.piece)
        ? [target.piece]
        : [];
    });
  });
  return [...new Set(found)];
}

/** Jumps that stand for something else: a return, or an indirect jump or call. */
function isThunk(name: string): boolean {
  return /^__x86_(return_thunk|indirect_thunk|indirect_jump)/.test(name);
}

/** True for another function of the unit: a function and its own parts are one. */
function isOther(to: Piece | string, { name }: { readonly name: string }): boolean {
  return typeof to !== 'string' && sourceName(to.name) !== sourceName(name);
}
