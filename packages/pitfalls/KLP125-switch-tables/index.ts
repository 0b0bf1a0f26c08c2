import { isNumbered, type ObjectModel, type Piece, stemOf, type Target } from '@klpkit/compare';
import { isSameCode } from '../src/code.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions } from '../src/unit.ts';

/** A switch turned into a table. */
export const klp125: Pitfall = {
  id: 'KLP125',
  name: 'switch-tables',
  title: 'A switch turned into a table',
  severity: 'warning',
  statement:
    'A switch that only picks a value becomes an unnamed table and a lookup, so a fix may change nothing but the table, and a comparison of the code sees no change.',
  seen: 'gcc-11, gcc-12: CSWTCH.N even with -fno-jump-tables; clang-14 to 19: only without that flag',
  safeWay:
    'Let the function bring its own table along. Never refer to the CSWTCH.N of the running kernel: the number means another table in every build.',
  unit: {
    needs: [],
    *find(evidence) {
      const { before, after } = evidence.comparison;
      for (const { name, before: b, after: a, difference } of changedFunctions(evidence)) {
        if (difference?.kind !== 'reference' || !isSameCode(evidence.comparison, b, a)) continue;
        const was = tableAt(before, b, difference.offset);
        const is = tableAt(after, a, difference.offset);
        if (!was || !is) continue;
        yield {
          severity: 'note',
          what: `${name} is in the livepatch for its table ${is} alone: the instructions are the same`,
          why: 'the compiler made a table of a switch; the code looks its answers up there, and only an answer changes',
          evidence: ['comparison of the objects'],
          at: { symbol: name },
        };
      }
    },
  },
  livepatch: {
    needs: [],
    *find({ livepatch }) {
      const told = new Set<string>();
      for (const { name, symbolObject, symbol, target, offset } of livepatch.klpRelocations) {
        if (name === undefined || !isNumbered(name) || stemOf(name) !== 'CSWTCH' || told.has(symbol))
          continue;
        told.add(symbol);
        yield {
          what: `${target} uses ${name}, a table that the compiler made of a switch in ${symbolObject ?? 'the kernel'}`,
          why: 'the new code was compiled for a table of its own; that of the running kernel has the old values, and its number is another in every build',
          next: 'let the livepatch define the table itself',
          evidence: ['KLP relocations of the module'],
          at: { section: target, offset, symbol: name },
        };
      }
    },
  },
};

/** How a switch table is called that the function refers to at `offset`; `undefined` when there is something else. */
function tableAt(model: ObjectModel, piece: Piece, offset: number): string | undefined {
  const found = model.referencesOf(piece).find((reference) => reference.offset - piece.start === offset);
  return found && tableName(found.target, piece);
}

/** gcc names value tables CSWTCH.N; jump tables (gcc) and all tables of clang are places in a section of read-only data. */
function tableName(target: Target, user: Piece): string | undefined {
  if (target.kind === 'piece')
    return isNumbered(target.piece.name) && stemOf(target.piece.name) === 'CSWTCH'
      ? target.piece.name
      : undefined;
  if (target.kind !== 'place') return undefined;
  const { name } = target.section;
  return name.includes('switch.table') || name === `.rodata.${user.name}` ? name : undefined;
}
