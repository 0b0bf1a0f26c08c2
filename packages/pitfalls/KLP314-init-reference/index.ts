import type { Pitfall } from '../src/pitfall.ts';

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
