import type { Comparison, Piece } from '@klpkit/compare';
import { stemOf } from '@klpkit/compare';
import { partsOf } from '../src/calls.ts';
import { referencesOf } from '../src/code.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions } from '../src/unit.ts';
import { list } from '../src/words.ts';

/** What common macros bring with them. */
export const klp315: Pitfall = {
  id: 'KLP315',
  name: 'macro-footprint',
  title: 'What common macros bring with them',
  severity: 'note',
  statement:
    'One line such as pr_debug(), a tracepoint, WARN_ONCE(), mutex_init() or a ratelimited message adds table entries, flags and static keys that the fix does not mention, and each of them has rules of its own in a livepatch.',
  seen: 'gcc-12 with the headers of Linux 6.1',
  safeWay:
    'Leave such macros out of a fix for a livepatch where they do not matter, above all of one for a module.',
  unit: {
    needs: [],
    *find(evidence) {
      const { before, beforeTables, after, afterTables } = evidence.comparison;
      for (const { name, before: b, after: a } of changedFunctions(evidence)) {
        const had = footprintOf(before, beforeTables, b);
        const more = [...footprintOf(after, afterTables, a)].filter(
          ([what, count]) => count > (had.get(what) ?? 0),
        );
        if (more.length === 0) continue;
        yield {
          what: `the fixed ${name} brings ${list(more.map(([what, count]) => counted(what, count - (had.get(what) ?? 0))))}`,
          why: 'macros of the fix leave more than code: entries that the kernel reads while the livepatch loads, and data that begins anew with it',
          evidence: ['sections of both objects'],
          at: { symbol: name },
        };
      }
    },
  },
};

const tables: ReadonlyMap<string, string> = new Map([
  ['__jump_table', 'static branch'],
  ['__bug_table', 'warning or BUG()'],
  ['__ex_table', 'fixup of a fault'],
  ['.altinstructions', 'alternative'],
]);

const variables: ReadonlyMap<string, string> = new Map([
  ['__already_done', 'once-flag'],
  ['__print_once', 'once-flag'],
  ['__warned', 'once-flag'],
  ['__key', 'lock class'],
  ['_rs', 'rate limit'],
  ['__UNIQUE_ID_ddebug', 'pr_debug() descriptor'],
  ['descriptor', 'pr_debug() descriptor'],
]);

/** What a function has beside its code, in words, with how many there are. Sorted by the words. */
function footprintOf(
  model: Comparison['after'],
  { of }: Comparison['afterTables'],
  piece: Piece,
): Map<string, number> {
  const found: string[] = [];
  const entries = partsOf(model, piece).flatMap((part) => [...of(part)]);
  for (const { section } of entries) found.push(tables.get(section.name) ?? '');
  const pieces = new Set<Piece>();
  for (const { target } of [
    ...referencesOf(model, piece),
    ...entries.flatMap(({ references }) => references),
  ]) {
    if (target.kind === 'piece' && target.piece.kind === 'object') pieces.add(target.piece);
    const name = target.kind === 'external' ? target.name : target.kind === 'piece' ? target.piece.name : '';
    if (name.startsWith('__SCT__')) found.push(`static call of ${name.slice('__SCT__'.length)}`);
    if (name.startsWith('__tracepoint_')) found.push(`tracepoint ${name.slice('__tracepoint_'.length)}`);
  }
  // clang puts the function in front: `f._rs`.
  for (const { name } of pieces) found.push(variables.get(stemOf(name).replace(/^.*\./, '')) ?? '');
  const counts = new Map<string, number>();
  for (const what of found.filter((each) => each !== '').sort())
    counts.set(what, (counts.get(what) ?? 0) + 1);
  return counts;
}

function counted(what: string, count: number): string {
  return /^(tracepoint|static call of) /.test(what) ? `the ${what}` : `${count} × ${what}`;
}
