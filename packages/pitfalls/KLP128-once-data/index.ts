import type { Comparison, Piece, Tables } from '@klpkit/compare';
import { partsOf } from '../src/calls.ts';
import { referencesOf } from '../src/code.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions } from '../src/unit.ts';
import { list } from '../src/words.ts';

/** Flags of macros that say something once. */
export const klp128: Pitfall = {
  id: 'KLP128',
  name: 'once-data',
  title: 'What is said once is said once more',
  severity: 'warning',
  statement:
    'WARN_ONCE() and pr_warn_once() remember in a flag of their own that they have spoken; the livepatch has a flag of its own, so each new livepatch may say it again.',
  seen: 'gcc-12, clang-14, clang-19; the headers of Linux 6.1',
  safeWay:
    'Accept the repeated message, which is what everybody does; where it must not come twice, keep a flag in a shadow variable or in the running kernel.',
  unit: {
    needs: [],
    *find(evidence) {
      const { comparison } = evidence;
      const speaking = changedFunctions(evidence).flatMap(({ name, after }) => {
        const flags = flagsOf(comparison.after, after);
        const warnings = onceWarnings(comparison.after, comparison.afterTables, after);
        const own = [...flags, ...(warnings > 0 ? [`${warnings} WARN_ON_ONCE()`] : [])];
        return own.length > 0 ? [{ name, own }] : [];
      });
      if (speaking.length === 0) return;
      yield {
        severity: 'note',
        what: `once-flags begin anew in the livepatch: ${list(speaking.map(({ name, own }) => `${name} (${own.join(', ')})`))}`,
        why: 'what the running kernel has said once it may say once more, and once again with the next livepatch of the function',
        evidence: ['sections of the fixed object'],
        at: { symbol: speaking[0].name },
      };
    },
  },
};

/** Names of the flags that a function uses: variables in `.data..once`, which was `.data.once` before 6.13. */
function flagsOf(model: Comparison['after'], piece: Piece): string[] {
  const found = referencesOf(model, piece).flatMap(({ target }) =>
    target.kind === 'piece' && /^\.data\.\.?once$/.test(target.piece.section.name) ? [target.piece.name] : [],
  );
  return [...new Set(found)].sort();
}

/** BUGFLAG_ONCE (include/asm-generic/bug.h): the entry itself remembers in another bit that the warning was given. */
const once = 1 << 1;

/** Entries of __bug_table that warn once. The flags are the last two bytes of `struct bug_entry`. */
function onceWarnings(model: Comparison['after'], tables: Tables, piece: Piece): number {
  return partsOf(model, piece)
    .flatMap((part) => [...tables.of(part)])
    .filter(({ section, start, size }) => {
      if (section.name !== '__bug_table' || size < 2) return false;
      const bytes = model.bytes(section);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return (view.getUint16(start + size - 2, model.elf.littleEndian) & once) !== 0;
    }).length;
}
