import { sourceName } from '../src/clones.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions, copiesIn, editedNames, isHeader, isMacro } from '../src/unit.ts';
import { list, unique } from '../src/words.ts';

/** Inlined body folded away: DWARF is silent. */
export const klp104: Pitfall = {
  id: 'KLP104',
  name: 'folded-inline',
  title: 'Inlined body folded away: DWARF is silent',
  severity: 'warning',
  statement:
    'When an inlined function comes down to a constant or a single expression, the compiler writes no DW_TAG_inlined_subroutine for it, so a list of callers that rests on DWARF alone is incomplete.',
  seen: 'gcc-11, gcc-12, clang-14, clang-16 and clang-19 for bodies that are constants; gcc-11 even for a plain min()',
  safeWay:
    "Take the callers from gcc's -fdump-ipa-clones, from clang's optimisation record, or from a comparison of the objects before and after.",
  unit: {
    needs: ['placement', 'edits', 'dwarf'],
    *find(evidence) {
      const { placement, edits, comparison } = evidence;
      // A unit whose source the fix leaves alone is compiled without.
      if (placement?.before.witnesses.includes('dwarf') !== true) return;
      const names = editedNames((edits ?? []).filter((edit) => !isMacro(edit) && !isHeader(edit.path)));
      const inObject = new Set(comparison.before.pieces.map(({ name }) => sourceName(name)));
      for (const name of names) {
        const found = placement.before.functions.get(name);
        if (!found || inObject.has(name) || found.symbols.length > 0) continue;
        if (found.inlined.some(({ by }) => by.includes('dwarf'))) continue;
        const into = copiesIn(placement.before, name);
        const changed = unique(changedFunctions(evidence).map((change) => sourceName(change.before.name)));
        // Where the compiler's own record is at hand and names no copy, there is none.
        const hasRecord = placement.before.witnesses.some((witness) =>
          /ipa-clones|clang-remarks/.test(witness),
        );
        if (into.length === 0 && (hasRecord || changed.length === 0)) continue;
        yield {
          severity: 'note',
          ...(into.length > 0 ? {} : { certainty: 'likely' as const }),
          what:
            into.length > 0
              ? `${name} is folded into ${list(into)}, and DWARF does not say so`
              : `DWARF names no caller of ${name}: its body is folded into callers without a trace`,
          why:
            into.length > 0
              ? 'a list of callers that rests on DWARF would miss them; the comparison of the objects does not'
              : `the comparison of the objects tells which: ${list(changed)} changed`,
          next: 'trust the comparison, not a search for DW_TAG_inlined_subroutine',
          evidence: [
            'DWARF of the before object',
            ...(into.length > 0 ? ["the compiler's record of inlining"] : ['comparison of the objects']),
          ],
          at: { symbol: name },
        };
      }
    },
  },
};
