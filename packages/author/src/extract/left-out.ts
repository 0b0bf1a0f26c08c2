import type { Comparison, Piece } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import type { Closure } from './closure.ts';

/**
 * What a fix adds or changes in a unit and the livepatch does not hold, so that nothing is left out in silence. Findings that say
 * more are there already for whatever `told` names.
 */
export function leftOut(
  { functions, data, after, isFresh }: Comparison,
  closure: Pick<Closure, 'has'>,
  told: ReadonlySet<string>,
): Finding[] {
  const findings: Finding[] = [];
  const add = (piece: Piece, what: string, why: string) => {
    const isInitial = after.kindOf(piece.section) === 'init';
    findings.push({
      id: 'left-out',
      severity: 'note',
      what: `${what} ${piece.name}, which the fix adds${isInitial ? ' for boot or loading' : ''}, is not in the livepatch`,
      why,
      next: 'nothing, unless something outside of the fixed units is to use it',
      at: { symbol: piece.name, section: piece.section.name },
    });
  };
  for (const { name, status, after: piece, parent } of functions) {
    if (!piece || closure.has(piece) || parent || told.has(name)) continue;
    if (status === 'new') add(piece, 'the function', 'no function that is replaced leads to it');
    else if (status === 'changed')
      findings.push({
        id: 'left-out',
        severity: 'error',
        what: `${name} changes and is not in the livepatch`,
        why: 'a fix must not be left out in silence',
        next: 'report this fix: the extraction should have taken it along or said why not',
        at: { symbol: name, section: piece.section.name },
      });
  }
  for (const { name, status, after: piece } of data) {
    if (status !== 'new' || !piece || closure.has(piece) || told.has(name) || isFresh(piece)) continue;
    const kind = after.kindOf(piece.section);
    if (kind === 'data' || kind === 'bss' || kind === 'rodata')
      add(piece, 'the variable', 'no function that is replaced refers to it');
  }
  return findings;
}
