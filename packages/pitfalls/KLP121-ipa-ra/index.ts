import { hasFtraceEntry } from '@klpkit/compare';
import type { Pitfall } from '../src/pitfall.ts';

/** IPA-RA: registers that are kept across calls. */
export const klp121: Pitfall = {
  id: 'KLP121',
  name: 'ipa-ra',
  title: 'Registers that are kept across a call',
  severity: 'note',
  statement:
    'With -fipa-ra a caller keeps values in registers that the callee is known not to use, which a replaced callee may use; -pg and -fpatchable-function-entry switch it off, and with them every object of a kernel that can be livepatched.',
  seen: 'gcc-11, gcc-12 for x86-64 and gcc-12 for arm64 without -pg; ppc64le and s390x show nothing even then; clang has no such pass',
  safeWay:
    'Nothing has to be done for functions that have an ftrace entry, which are all that can be replaced.',
  unit: {
    needs: [],
    *find({ comparison, compiler, unit }) {
      const { before } = comparison;
      const code = before.pieces.filter(
        (piece) => piece.kind === 'function' && before.kindOf(piece.section) === 'text',
      );
      if (!compiler?.startsWith('gcc') || code.length < 2) return;
      const isTraced =
        before.elf.sections.some(({ name }) => /^(__mcount_loc|__patchable_function_entries)/.test(name)) ||
        code.some((piece) => hasFtraceEntry(before, piece));
      if (isTraced) return;
      yield {
        severity: 'note',
        certainty: 'possible',
        what: `${unit} is compiled without ftrace entries, so callers may keep values in registers across calls of static functions`,
        why: 'gcc lets a caller rely on the registers that the callee of its own unit leaves alone; -pg and -fpatchable-function-entry would have switched that off',
        next: 'its functions cannot be replaced anyway (KLP130); replace their callers in other units',
        evidence: ['sections and code of the before object'],
        at: { unit },
      };
    },
  },
};
