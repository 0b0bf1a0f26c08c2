import { STB } from '@klpkit/formats';
import { replacements } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { changedFunctions } from '../src/unit.ts';
import { list } from '../src/words.ts';

/** Weak functions and aliases. */
export const klp144: Pitfall = {
  id: 'KLP144',
  name: 'weak-and-alias',
  title: 'Weak functions and second names',
  severity: 'warning',
  statement:
    'A weak function is only the kernel’s when no other unit defines it, and its overridden body is nameless, dead code; two names of one function are one place, which can be replaced once.',
  seen: 'gcc-12, clang-19',
  safeWay:
    'Replace a function under one of its names. Look up whose body of a weak function the kernel runs before patching it.',
  foundBy: ['compare'],
  unit: {
    needs: [],
    *find(evidence) {
      for (const { name, after } of changedFunctions(evidence)) {
        if (after.aliases.length > 0)
          yield {
            severity: 'note',
            what: `${name} is also called ${list(after.aliases)}`,
            why: 'the names lead to one place: replacing it under one of them reaches the callers of all',
            evidence: ['symbols of the fixed object'],
            at: { symbol: name },
          };
        if (after.binding === STB.WEAK)
          yield {
            severity: 'note',
            what: `${name} is weak`,
            why: 'where another unit defines it too, the kernel runs that one, and this body is not there under any name',
            evidence: ['symbols of the fixed object'],
            at: { symbol: name },
          };
      }
    },
  },
  livepatch: {
    needs: ['tables', 'kernel'],
    *find({ livepatch, kernel }) {
      const all = [...replacements(livepatch).entries()];
      const byName = Map.groupBy(all, ([, { object, oldName }]) => `${object}:${oldName}`);
      for (const [index, one] of all) {
        const later = (kernel?.namesAt(one.object, one.oldName, one.sympos) ?? [])
          .flatMap((name) => byName.get(`${one.object}:${name}`) ?? [])
          .filter(([place, { newSymbol }]) => place > index && newSymbol !== one.newSymbol)
          .sort(([a], [b]) => a - b);
        for (const [, other] of later)
          yield {
            severity: 'error',
            what: `${one.oldName} and ${other.oldName} are one function of ${one.object}, and the livepatch gives each a new one`,
            why: `they share an address, so one of ${one.newSymbol ?? 'the two'} and ${other.newSymbol ?? 'its twin'} never runs`,
            next: 'list the function once',
            evidence: ['symbol table of the shipped kernel'],
            at: { symbol: one.oldName },
          };
      }
    },
  },
};
