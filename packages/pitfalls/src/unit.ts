import type { FunctionChange, Piece, Placement } from '@klpkit/compare';
import { wholeOf } from './calls.ts';
import { sourceName } from './clones.ts';
import type { Edit, UnitEvidence } from './evidence.ts';
import { unique } from './words.ts';

/** A function that is on both sides. */
export type PairedChange = FunctionChange & { readonly before: Piece; readonly after: Piece };

/** Functions that the fix changes and that are on both sides, cold parts apart: a cold part is its function's. */
export function changedFunctions({ comparison }: UnitEvidence): PairedChange[] {
  return comparison.functions.filter(
    (change): change is PairedChange =>
      change.status === 'changed' &&
      change.before !== undefined &&
      change.after !== undefined &&
      !change.parent,
  );
}

/** True when code of the function, under whatever name the compiler gives it, is another after the fix. */
export function isTouched({ comparison }: Pick<UnitEvidence, 'comparison'>, name: string): boolean {
  return comparison.functions.some((change) => change.status !== 'same' && sourceName(change.name) === name);
}

/** Names of functions (and macros) in whose text the fix edits a line, sorted. */
export function editedNames(edits: readonly Edit[]): string[] {
  return unique(edits.flatMap((edit) => [...(edit.inside ? [edit.inside] : []), ...headsIn(edit)]));
}

/** Functions whose first line is among the lines of an edit. */
function headsIn({ removed, added }: Edit): string[] {
  return [...removed, ...added].flatMap((line) => {
    if (!/^[A-Za-z_]/.test(line) || /;\s*$/.test(line) || /^\w+:/.test(line)) return [];
    const head = /([A-Za-z_]\w*)\s*\(/.exec(line.replace(/__attribute__\s*\(\(.*?\)\)/g, ''))?.[1];
    return head ? [head] : [];
  });
}

/** True when the lines of an edit are part of a macro. */
export function isMacro({ removed, added }: Edit): boolean {
  return [...removed, ...added].some((line) => /^\s*#\s*define\b/.test(line) || line.endsWith('\\'));
}

/** True when an edit is inside the definition of a type or a table, or in a header outside of any function. */
function isDefinition(edit: Edit): boolean {
  if (edit.inside || headsIn(edit).length > 0) return false;
  const lines = [...edit.removed, ...edit.added].filter((line) => !/^\s*(\/?\*.*|\/\/.*)?$/.test(line));
  return lines.some((line) => isHeader(edit.path) || /^\s/.test(line) || /^(struct|union|enum)\b/.test(line));
}

/** Functions that hold a copy of `name` on either side, sorted; `name` itself excepted. */
export function holdersOfCopies({ placement }: UnitEvidence, name: string): string[] {
  return unique(
    [placement?.before, placement?.after]
      .flatMap((side) => copiesIn(side, name))
      .filter((into) => into !== name),
  );
}

/** Functions that hold a copy of `name` on one side. */
export function copiesIn(side: Placement | undefined, name: string): string[] {
  return unique((side?.functions.get(name)?.inlined ?? []).map(({ into }) => into));
}

/**
 * Functions whose code the fix changes although it edits neither their text nor that of anything inlined into them: the compiler
 * knew something of another function, or of a variable, that is true no longer.
 */
export function changedIndirectly(evidence: UnitEvidence): PairedChange[] {
  // A macro or a type reaches functions without being inlined into them: nothing can be concluded then.
  if ((evidence.edits ?? []).some((edit) => isMacro(edit) || isDefinition(edit))) return [];
  const edited = new Set(editedNames(evidence.edits ?? []));
  const reached = new Set(edited);
  for (const name of edited) for (const into of holdersOfCopies(evidence, name)) reached.add(into);
  return changedFunctions(evidence).filter(({ before, after }) =>
    [before.name, after.name].every((name) => !reached.has(sourceName(name))),
  );
}

/** Pairs of a changed function and one that it calls on either side, where the fix edits the callee's text. */
export function editedCallees(evidence: UnitEvidence, caller: PairedChange): PairedChange[] {
  const edited = new Set(editedNames(evidence.edits ?? []));
  const { before, after } = evidence.comparison;
  return changedFunctions(evidence).filter(
    (callee) =>
      callee.after !== caller.after &&
      edited.has(sourceName(callee.after.name)) &&
      (callsOn(before, caller.before, callee.before) || callsOn(after, caller.after, callee.after)),
  );
}

function callsOn(model: UnitEvidence['comparison']['before'], from: Piece, to: Piece): boolean {
  return model
    .referencesOf(from)
    .some(({ target }) => target.kind === 'piece' && wholeOf(model, target.piece) === to);
}

/** True when one side has a copy of the callee in the caller: calls then come and go with the inlining. */
export function isInlinedInto(evidence: UnitEvidence, callee: Piece, caller: Piece): boolean {
  return holdersOfCopies(evidence, sourceName(callee.name)).includes(sourceName(caller.name));
}

/** True when the fix adds the declaration of a variable, by hand or through a macro; `stem` is its name in the source. */
export function isDeclaredByFix(edits: readonly Edit[], stem: string): boolean {
  const word = stem.replace(/[^A-Za-z0-9_]/g, '');
  const declaration = new RegExp(`\\bstatic\\b[^(]*\\b${word}\\b|^[A-Z][A-Z0-9_]*\\(.*\\b${word}\\b`);
  const declares = (line: string) => declaration.test(line);
  return edits.some(({ removed, added }) => added.some(declares) && !removed.some(declares));
}

/** True for the path of a header. */
export function isHeader(path: string | undefined): boolean {
  return path?.endsWith('.h') === true;
}
