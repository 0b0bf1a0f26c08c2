import type { Comparison, Piece } from '@klpkit/compare';
import { EM } from '@klpkit/formats';
import { partsOf } from '../src/calls.ts';
import { livepatched } from '../src/code.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions } from '../src/unit.ts';
import { list, unique } from '../src/words.ts';

/** The TOC and local entry points of ppc64le. */
export const klp139: Pitfall = {
  id: 'KLP139',
  name: 'ppc64le-toc',
  title: 'The TOC and local entry points (ppc64le)',
  severity: 'error',
  statement:
    'A call within one file assumes that both functions share the TOC pointer and leaves no room to restore it; cut out into a module, such a call has no place for the stub’s return, and a function may gain or lose its second entry point through the fix.',
  seen: 'powerpc64le gcc-12',
  safeWay:
    'Compile so that every call leaves room (a nop behind bl), as -mcmodel=large with calls to external symbols does; take the callers along where the callee’s entry changes its form.',
  unit: {
    needs: [],
    *find(evidence) {
      const { comparison } = evidence;
      if (comparison.after.arch.machine !== EM.PPC64) return;
      for (const piece of livepatched(comparison)) {
        const callees = callsWithoutRoom(comparison, piece);
        if (callees.length === 0) continue;
        yield {
          what: `${piece.name} calls ${list(callees)} without room to restore the TOC pointer`,
          why: 'in the livepatch the callee is outside the module; the module loader wants a nop behind such a call, and refuses the livepatch when there is none',
          next: 'compile the unit so that the callee is external, or take the callee along',
          evidence: ['code and relocations of the fixed object'],
          at: { symbol: piece.name },
        };
      }
      const { before, after } = comparison;
      for (const { name, before: b, after: a } of changedFunctions(evidence)) {
        const [was, is] = [before.symbols.other[b.symbol], after.symbols.other[a.symbol]].map(
          (other) => other >> 5,
        );
        if (was === is) continue;
        yield {
          severity: 'warning',
          what: `${name} ${was <= 1 ? 'gains' : is <= 1 ? 'loses' : 'changes'} a local entry point: st_other says ${was} before and ${is} after`,
          why: 'callers of its file enter it where the old code has its entry, with or without a TOC pointer; the new code expects the other',
          next: 'see that the livepatch enters it with a TOC pointer of its own, or take its callers along',
          evidence: ['symbols of both objects'],
          at: { symbol: name },
        };
      }
    },
  },
};

/** R_PPC64_REL24: the operand of `bl` (ELFv2 ABI). */
const rel24 = 10;
const nop = 0x60000000;

/** Functions of this unit that stay in the kernel and are called where no nop follows. */
function callsWithoutRoom(comparison: Comparison, piece: Piece): string[] {
  const { after } = comparison;
  const included = new Set(livepatched(comparison).flatMap((one) => partsOf(after, one)));
  const callees = partsOf(after, piece).flatMap((part) => {
    const bytes = after.content(part);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return after.referencesOf(part).flatMap(({ type, offset, target }) => {
      const at = offset - part.start;
      if (type !== rel24 || target.kind !== 'piece' || included.has(target.piece) || at + 8 > bytes.length)
        return [];
      // A branch that does not come back (no link bit) needs no room.
      const isCall = (view.getUint32(at, true) & 1) === 1;
      return isCall && view.getUint32(at + 4, true) !== nop ? [target.piece.name] : [];
    });
  });
  return unique(callees);
}
