import type { ObjectModel, Piece } from '@klpkit/compare';
import { STB } from '@klpkit/formats';
import { isObjectDiff } from '../src/builders.ts';
import { callersOf } from '../src/calls.ts';
import { replacements } from '../src/evidence.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list, unique, verb } from '../src/words.ts';

/** Identical functions folded (ICF). */
export const klp119: Pitfall = {
  id: 'KLP119',
  name: 'icf-functions',
  title: 'Identical functions folded into one',
  severity: 'error',
  statement:
    'The compiler gives two functions that do the same one body with two names: replacing it under one name replaces it under the other, and the callers of the second have relocations that name the first.',
  seen: 'gcc-11, gcc-12, gcc-12 for arm64, ppc64le and s390x; clang folds none when it compiles',
  safeWay:
    'See that the new behaviour is right for every name of the body. Where it is not, replace the callers and let them call a new function.',
  unit: {
    needs: [],
    *find({ comparison }) {
      const { before, after } = comparison;
      for (const body of before.pieces) {
        const names = unique([body.name, ...body.aliases]);
        if (body.kind !== 'function' || names.length < 2) continue;
        const touched = comparison.functions.some(
          ({ name, status }) => status !== 'same' && names.includes(name),
        );
        const bodies = new Set(names.flatMap((name) => functionsOf(after, name)));
        const gone = names.filter((name) => functionsOf(after, name).length === 0);
        // Names that the source declares to be one function stay together, and one of them is global.
        const isApart = bodies.size > 1 || (gone.length > 0 && names.every((name) => isLocal(before, name)));
        if (!touched || !isApart) continue;
        const callers = unique(callersOf(before, body).map(({ name }) => name));
        yield {
          severity: 'note',
          what: `${list(names)} are one body in the running kernel and ${bodies.size === 0 ? 'have none' : bodies.size} after the fix`,
          why: `the compiler folded them because they did the same${callers.length > 0 ? `; which of ${list(callers)} means which name can be seen in the after object only` : ''}; every caller that means another body now is replaced`,
          next: `do not list one of them in a livepatch that is written by hand: it would change what the other callers run as well`,
          evidence: ['symbols of both objects'],
          at: { symbol: body.name },
        };
      }
    },
  },
  livepatch: {
    needs: ['tables', 'kernel'],
    *find({ livepatch, kernel, elf }) {
      if (!kernel) return;
      // Whoever compares objects has seen which callers mean which name, and replaces those that mean another body.
      const severity = isObjectDiff(livepatch, elf) ? 'note' : 'warning';
      const all = replacements(livepatch);
      for (const { object, oldName, sympos } of all) {
        const isStatic = (name: string) => {
          const found = kernel.symbols(object, name) ?? [];
          return found.length > 0 && found.every(({ type }) => type === 't');
        };
        if (!isStatic(oldName)) continue;
        // Aliases that the source declares are global or weak on at least one side; markers of the linker have no lower case letter.
        const twins = kernel
          .namesAt(object, oldName, sympos)
          .filter(
            (name) =>
              isStatic(name) && !all.some((other) => other.object === object && other.oldName === name),
          );
        if (twins.length === 0) continue;
        yield {
          severity,
          certainty: 'likely',
          what: `${oldName} of ${object} shares its code with ${list(twins)}: the compiler folded identical functions`,
          why: `the livepatch diverts the one body, so whoever calls ${list(twins)} gets the new ${oldName} as well`,
          next: `see that the new code is right for ${verb(twins, 'that name', 'those names')} too, or that the livepatch replaces the callers which mean ${verb(twins, 'it', 'them')}`,
          evidence: ['symbol table of the shipped kernel'],
          at: { symbol: oldName },
        };
      }
    },
  },
};

function functionsOf(model: ObjectModel, name: string): Piece[] {
  return model.named(name).filter(({ kind }) => kind === 'function');
}

function isLocal({ symbols }: ObjectModel, name: string): boolean {
  for (let index = 1; index < symbols.count; index++)
    if (symbols.binding[index] !== STB.LOCAL && symbols.name(index) === name) return false;
  return true;
}
