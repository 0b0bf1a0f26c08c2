import type { Finding } from '@klpkit/findings';
import { STB, STT } from '@klpkit/formats';
import type { ObjectModel, Piece } from '../model/model.ts';
import { commonsOf } from './common.ts';
import { isFreshPiece, isNumbered } from './names.ts';
import type { Correlation } from './types.ts';

interface Definition {
  readonly binding: number;
  readonly piece: Piece;
}

/** Every name that an object defines once, aliases too; names that carry a number of the compiler's are nobody else's. */
function definitions(model: ObjectModel): Map<string, Definition> {
  const defined = new Map<string, Definition | undefined>();
  const { symbols } = model;
  // Registrations are compared entry by entry.
  const isLive = (piece: Piece) =>
    !isFreshPiece(piece) &&
    !['registration', 'ignored', 'table', 'objtool'].includes(model.kindOf(piece.section));
  for (let index = 1; index < symbols.count; index++) {
    const type = symbols.type[index];
    if (symbols.reserved[index] || (type !== STT.FUNC && type !== STT.OBJECT)) continue;
    const piece = model.pieceOf(index);
    const name = symbols.name(index);
    if (!piece || isNumbered(name) || !isLive(piece)) continue;
    defined.set(name, defined.has(name) ? undefined : { binding: symbols.binding[index], piece });
  }
  const once = new Map<string, Definition>();
  for (const [name, definition] of defined) if (definition) once.set(name, definition);
  return once;
}

function bindingText(binding: number): string {
  if (binding === STB.LOCAL) return 'static';
  return binding === STB.WEAK ? 'weak' : 'global';
}

/**
 * What other units see of this one: names that are gone (KLP143), that lead to something else, or that are bound otherwise (KLP144).
 * The rest of the running kernel was linked to the old ones, and stays so.
 */
export function compareLinkage(before: ObjectModel, after: ObjectModel, correlation: Correlation): Finding[] {
  const had = definitions(before);
  const has = definitions(after);
  const placedByLinker = commonsOf(after);
  const findings: Finding[] = [];
  for (const [name, was] of had) {
    const is = has.get(name);
    const what = was.piece.kind === 'function' ? 'function' : 'variable';
    if (!is) {
      // Local functions vanish with their callers; a global one may have callers elsewhere.
      if (was.binding === STB.LOCAL || after.named(name).length > 0 || placedByLinker.has(name)) continue;
      findings.push({
        id: 'KLP143',
        severity: 'warning',
        what: `the ${what} ${name} is gone from the fixed source, and the running kernel keeps it`,
        why: 'other units, and pointers stored in data, still lead to the old one',
        next: `keep ${name}, or make sure that everything that uses it is patched by this fix`,
        at: { symbol: name },
      });
      continue;
    }
    if (was.binding !== is.binding)
      findings.push({
        id: 'KLP144',
        severity: 'warning',
        what: `the ${what} ${name} changes its linkage: ${bindingText(was.binding)} before, ${bindingText(is.binding)} after`,
        why: 'other code of the kernel was linked against the old form',
        next: 'keep the original linkage in the fix',
        at: { symbol: name },
      });
    const partner = correlation.afterOf(was.piece);
    if (!partner || partner === is.piece || was.binding === STB.LOCAL) continue;
    findings.push({
      id: 'KLP144',
      severity: 'error',
      what: `${name} is another name of ${was.piece.name} before, and of ${is.piece.name} after`,
      why: 'the rest of the running kernel was linked when the name led to the old place, and keeps calling that',
      next: `leave the alias ${name} as it is and change what it leads to`,
      at: { symbol: name },
    });
  }
  for (const [name, { binding, piece }] of has) {
    // A new function is told of as such, and one under another name alone has changed its linkage.
    const old = correlation.beforeOf(piece);
    if (binding === STB.LOCAL || had.has(name) || !old || old.name === name) continue;
    findings.push({
      id: 'KLP144',
      severity: 'note',
      what: `${name} is a new name of ${old.name}`,
      why: 'nothing of the running kernel has it; only code of the livepatch can use it',
      next: `use ${old.name} in the fix where other units need it`,
      at: { symbol: name },
    });
  }
  return findings;
}
