import { isFreshPiece, type ObjectModel, type Piece } from '@klpkit/compare';
import { SHF } from '@klpkit/formats';
import { targetName } from '../src/kernel-calls.ts';
import type { Pitfall } from '../src/pitfall.ts';
import { list } from '../src/words.ts';

/** State kept in the patch module. */
export const klp506: Pitfall = {
  id: 'KLP506',
  name: 'state-in-the-module',
  title: 'State kept in the livepatch module',
  severity: 'warning',
  statement:
    'A variable of the livepatch lives and dies with its module: the livepatch that replaces it has its own copy, which begins at the initial value again.',
  seen: 'follows from Documentation/livepatch/system-state.rst; Linux 6.1 and 6.12',
  safeWay:
    'Keep what must survive in shadow variables (on NULL for global state) or behind klp_state.data, which the next livepatch finds with klp_get_prev_state().',
  foundBy: ['extract'],
  livepatch: {
    needs: ['tables', 'code'],
    *find({ livepatch, model }) {
      if (!model || (livepatch.patch?.states.length ?? 0) > 0) return;
      const tables = klpTables(model);
      const used = usedByCode(model);
      const names = model.pieces
        .filter((piece) => isState(model, piece) && !tables.has(piece) && used.has(piece))
        .map(({ name }) => name);
      if (names.length === 0) return;
      yield {
        certainty: 'likely',
        what: `the livepatch keeps state in ${list(names)}`,
        why: 'a livepatch that replaces this one starts from the initial value again, and so does this one when it is loaded once more',
        next: 'keep it in a shadow variable or a klp_state, or make sure that the initial value is right at any time',
        evidence: ['data and code of the module'],
        at: { symbol: names[0] },
      };
    },
  },
};

/** A variable that may be written: not what has a fresh copy in each livepatch by its nature, and not what the loader fills. */
function isState(model: ObjectModel, piece: Piece): boolean {
  const { section } = piece;
  if (piece.kind !== 'object' || !(section.flags & SHF.WRITE) || !(section.flags & SHF.ALLOC)) return false;
  if (piece.size === 0 || isFreshPiece(piece)) return false;
  return /^\.(data|bss)(\.|$)/.test(section.name) && !section.name.startsWith('.data..ro_after_init')
    ? model.kindOf(section) !== 'table'
    : false;
}

/** Pieces that code of the module refers to. What nothing refers to is a table's or a leftover. */
function usedByCode(model: ObjectModel): Set<Piece> {
  const used = new Set<Piece>();
  for (const user of model.pieces)
    if (user.kind === 'function')
      for (const { target } of model.referencesOf(user)) if (target.kind === 'piece') used.add(target.piece);
  return used;
}

/** What klp_enable_patch() is given, and everything that leads from there. */
function klpTables(model: ObjectModel): Set<Piece> {
  const tables = new Set<Piece>();
  const visit = (piece: Piece) => {
    if (piece.kind !== 'object' || tables.has(piece)) return;
    tables.add(piece);
    for (const { target } of model.referencesOf(piece)) if (target.kind === 'piece') visit(target.piece);
  };
  for (const user of model.pieces) {
    const references = model.referencesOf(user);
    if (!references.some((reference) => targetName(reference) === 'klp_enable_patch')) continue;
    for (const { target } of references) if (target.kind === 'piece') visit(target.piece);
  }
  return tables;
}
