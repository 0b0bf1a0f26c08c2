import type { Piece } from '@klpkit/compare';
import { STB } from '@klpkit/formats';
import type { Pitfall } from '../src/pitfall.ts';
import { copiesIn, editedNames, isHeader } from '../src/unit.ts';
import { list } from '../src/words.ts';

/** Inline function of a header. */
export const klp103: Pitfall = {
  id: 'KLP103',
  name: 'header-inline',
  title: 'Inline function of a header',
  severity: 'warning',
  statement:
    'A static inline function of a header lives, as copies, in every object that includes the header, modules among them; some units also keep a local out-of-line copy, which cannot be traced.',
  seen: 'gcc-12, clang-19',
  safeWay:
    'Move the fix into the callers that matter and leave the header alone, or replace every user in the kernel and in each module.',
  foundBy: ['read'],
  unit: {
    needs: ['placement', 'edits'],
    *find({ unit, comparison, placement, edits }) {
      const inHeaders = (edits ?? []).filter(({ path }) => isHeader(path));
      for (const name of editedNames(inHeaders)) {
        const found = placement?.before.functions.get(name) ?? placement?.after.functions.get(name);
        if (!found) continue;
        const { path } = inHeaders.find((edit) => editedNames([edit]).includes(name)) ?? {};
        const copies = copiesIn(placement?.before, name).filter((into) => into !== name);
        const kept = found.symbols.some((symbol) => comparison.before.named(symbol).some(isStatic));
        // A header may hold a stand-in for configurations without the function that this unit defines.
        if (found.declared ? !isHeader(found.declared.file) : !kept) continue;
        if (copies.length === 0 && !kept) continue;
        yield {
          severity: 'note',
          what: `${name} is an inline function of ${path}: ${unit} holds ${[
            ...(copies.length > 0 ? [`copies of it in ${list(copies)}`] : []),
            ...(kept ? ['a local copy out of line'] : []),
          ].join(' and ')}`,
          why: 'each object that includes the header has copies of its own; those of the units that are compiled here are replaced, those of modules built elsewhere are not',
          next: 'if modules from outside the kernel use it, move the fix into the callers that matter',
          evidence: ['lines that the fix edits', 'inlining of the before object'],
          at: { symbol: name, ...(path ? { file: path } : {}) },
        };
      }
    },
  },
};

function isStatic({ kind, binding }: Piece): boolean {
  return kind === 'function' && binding === STB.LOCAL;
}
