import {
  align,
  type Comparison,
  type FunctionChange,
  type ListedInstruction,
  listInstructions,
  type Piece,
} from '@klpkit/compare';

import { type EditedFile, editsOf } from './edits.ts';
import type { CodeRow, SourceCell } from './parts/view.ts';

import type { FunctionSource, SourceSide } from './source.ts';
import type { UnitSource } from './why.ts';

/** The code of one function, before and after, for readers. */
export interface FunctionDetails {
  readonly unit: string;
  readonly name: string;
  readonly status: FunctionChange['status'];
  readonly rows: readonly CodeRow[];
  /** Why a side has no source lines. */
  readonly problems: readonly string[];
}

/** Code side by side for every function of a unit that is not the same; in the order of the comparison. */
export function unitDetails(
  unit: string,
  comparison: Comparison,
  source: UnitSource,
  files: readonly EditedFile[],
): FunctionDetails[] {
  const edited = { before: new Set<string>(), after: new Set<string>() };
  for (const { path, before, after } of files)
    for (const edit of editsOf(before ?? '', after ?? ''))
      for (const side of ['before', 'after'] as const)
        for (let line = edit[side].first; line <= edit[side].last; line++)
          edited[side].add(`${path}:${line}`);
  return comparison.functions
    .filter((change) => change.status !== 'same')
    .map((change) => functionDetails(unit, change, comparison, source, edited));
}

/** Aligns the two versions of a function and puts the source lines between the instructions. */
function functionDetails(
  unit: string,
  change: FunctionChange,
  comparison: Comparison,
  source: UnitSource,
  edited: { readonly before: ReadonlySet<string>; readonly after: ReadonlySet<string> },
): FunctionDetails {
  const { before, after } = change;
  // The function itself may go by two names: a call of itself is the same on both sides.
  const nameOf = (piece: Piece) => comparison.correlation.beforeOf(piece)?.name ?? piece.name;
  const b = before ? listInstructions(comparison.before, before, (piece) => piece.name) : [];
  const a = after ? listInstructions(comparison.after, after, nameOf) : [];
  const problems: string[] = [];
  const walkers = {
    before: sourceWalker(source.before, before, edited.before, problems),
    after: sourceWalker(source.after, after, edited.after, problems),
  };
  const rows: CodeRow[] = [];
  for (const row of align(b, a)) {
    const left = row.before === undefined ? undefined : b[row.before];
    const right = row.after === undefined ? undefined : a[row.after];
    const lines = {
      ...cell('before', left && walkers.before(left)),
      ...cell('after', right && walkers.after(right)),
    };
    if (lines.before || lines.after) rows.push({ kind: 'source', ...lines });
    rows.push({
      kind: row.kind,
      ...cell('before', left && { offset: left.offset, text: left.text }),
      ...cell('after', right && { offset: right.offset, text: right.text }),
    });
  }
  return { unit, name: change.name, status: change.status, rows, problems: [...new Set(problems)].sort() };
}

function cell<K extends string, T>(side: K, value: T | undefined): { readonly [key in K]?: T } {
  return value === undefined ? {} : ({ [side]: value } as { readonly [key in K]?: T });
}

/** Gives the source line of an instruction when it is another than that of the one before. */
function sourceWalker(
  side: SourceSide,
  piece: Piece | undefined,
  edited: ReadonlySet<string>,
  problems: string[],
): (instruction: ListedInstruction) => SourceCell | undefined {
  if (!piece) return () => undefined;
  const found = side.of(piece);
  if ('problem' in found) {
    problems.push(found.problem);
    return () => undefined;
  }
  const body: FunctionSource = found;
  let last = '';
  return ({ offset }) => {
    const at = body.lineAt(offset);
    if (!at) return undefined;
    const via = body.inlinesAt(offset).map((step) => step.function);
    const key = `${at.path}:${at.line}:${via.join('>')}`;
    if (key === last) return undefined;
    last = key;
    return {
      path: at.path,
      line: at.line,
      text: side.lines(at.path)?.[at.line - 1],
      via,
      edited: edited.has(`${at.path}:${at.line}`),
    };
  };
}
