import { livepatched, referencesOf } from '../src/code.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { unique } from '../src/words.ts';

const initSection = '.init.text';

/** References to init code or data. */
export const klp314: Pitfall = {
  id: 'KLP314',
  name: 'init-reference',
  title: 'A reference to code or data that is gone after boot',
  severity: 'error',
  statement:
    'The kernel frees what is marked __init and __initdata once it has booted or a module is loaded; a livepatch that refers to it reads or runs whatever lies there now.',
  seen: 'gcc-12 (in the cold part of the function), clang-19; at run time on Linux 6.1',
  safeWay:
    'Copy what is needed into a function of the livepatch, and keep its state in a variable of the livepatch.',
  foundBy: ['extract'],
  unit: {
    needs: [],
    *find({ comparison }) {
      const { after, correlation } = comparison;
      for (const piece of livepatched(comparison)) {
        if (after.kindOf(piece.section) === 'init') continue;
        // What the kernel has, under the same name, is told by the extraction.
        const fresh = referencesOf(after, piece).flatMap(({ target }) =>
          target.kind === 'piece' &&
          target.piece.kind === 'function' &&
          after.kindOf(target.piece.section) === 'init' &&
          !correlation.beforeOf(target.piece)
            ? [target.piece.name]
            : [],
        );
        for (const name of unique(fresh))
          yield {
            what: `${piece.name} refers to ${name}, which is initial code or data`,
            why: `${name} would come along in ${initSection}, which the kernel frees as soon as the livepatch is loaded`,
            next: 'copy what is needed into a function of its own',
            evidence: ['relocations of the fixed object'],
            at: { symbol: name },
          };
      }
    },
  },
  livepatch: {
    needs: ['kernel'],
    *find({ livepatch, kernel }) {
      const begin = kernel?.symbols('vmlinux', '__init_begin')?.[0]?.address;
      const end = kernel?.symbols('vmlinux', '__init_end')?.[0]?.address;
      if (begin === undefined || end === undefined) return;
      const told = new Set<string>();
      for (const { symbol, symbolObject, name, sympos, target, offset } of livepatch.klpRelocations) {
        if (symbolObject !== 'vmlinux' || name === undefined || sympos === undefined || told.has(symbol))
          continue;
        told.add(symbol);
        const found = kernel?.symbols('vmlinux', name)?.[Math.max(1, sympos) - 1];
        if (!found || found.address < begin || found.address >= end) continue;
        yield {
          what: `${target} refers to ${name}, which lies between __init_begin and __init_end of vmlinux`,
          why: 'the kernel gave that memory back when it had booted: whatever lies there now is read or run',
          next: 'bring what is needed of it along in the livepatch',
          evidence: ['KLP relocations of the module', 'symbol table of the shipped kernel'],
          at: { section: target, offset, symbol: name },
        };
      }
    },
  },
};
