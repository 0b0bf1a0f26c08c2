import {
  type Comparison,
  type FunctionChange,
  type ObjectModel,
  type Placement,
  sourceName,
  stemOf,
} from '@klpkit/compare';
import type { Reason } from './schema.ts';

const symbolSets = new WeakMap<ObjectModel, ReadonlyMap<string, readonly string[]>>();

/** Symbols with code of each function of the source, sorted; numbers that the compiler counts up are left out. */
function symbolsOf(model: ObjectModel): ReadonlyMap<string, readonly string[]> {
  let known = symbolSets.get(model);
  if (!known) {
    const names = new Set(
      model.pieces.filter(({ kind }) => kind === 'function').map(({ name }) => stemOf(name)),
    );
    known = Map.groupBy([...names].sort(), sourceName);
    symbolSets.set(model, known);
  }
  return known;
}

/**
 * What the compiler makes of a function of the source, where that is something else since the fix: a copy for constant arguments, one
 * with other parameters, a part. Undefined where it is the same, or one side has nothing of it.
 */
export function cloneSetChange({ before, after }: Comparison, name: string): string | undefined {
  const was = symbolsOf(before).get(name);
  const is = symbolsOf(after).get(name);
  if (!was || !is || was.join() === is.join()) return undefined;
  return `of ${name} the compiler makes ${is.join(' and ')} since the fix, before it was ${was.join(' and ')}`;
}

/** A function of the source that came, went or refers to another because the compiler makes other copies of it or of a callee. */
export function clonesReason(change: FunctionChange, comparison: Comparison): Reason | undefined {
  const reason = (text: string, name: string): Reason => ({ kind: 'clones', text, function: name });
  if (change.status !== 'changed') {
    const own = sourceName(change.name);
    const text = cloneSetChange(comparison, own);
    return text === undefined ? undefined : reason(text, own);
  }
  const { difference } = change;
  if (difference?.kind === 'reference') {
    const [was, is] = [difference.before, difference.after].map((text) =>
      text.replace(/[+-]0x[0-9a-f]+$/, ''),
    );
    const name = sourceName(is);
    const text = sourceName(was) === name && was !== is ? cloneSetChange(comparison, name) : undefined;
    return text === undefined
      ? undefined
      : reason(
          `it refers to ${difference.after} instead of ${difference.before}, at +0x${difference.offset.toString(16)}: ${text}`,
          name,
        );
  }
  if (difference?.kind !== 'code' && difference?.kind !== 'size') return undefined;
  const callees = new Set<string>();
  for (const side of ['after', 'before'] as const) {
    const piece = change[side];
    for (const { target } of piece ? comparison[side].referencesOf(piece) : [])
      if (target.kind === 'piece' && target.piece.kind === 'function' && target.piece !== piece)
        callees.add(sourceName(target.piece.name));
  }
  callees.delete(sourceName(change.name));
  for (const name of [...callees].sort()) {
    const text = cloneSetChange(comparison, name);
    if (text !== undefined) return reason(`it calls ${name}: ${text}`, name);
  }
  return undefined;
}

const held = new WeakMap<Placement, ReadonlyMap<string, ReadonlySet<string>>>();

/** Names of what each out-of-line function holds copies of. */
function copiesIn(placement: Placement, holder: string): ReadonlySet<string> {
  let known = held.get(placement);
  if (!known) {
    const draft = new Map<string, Set<string>>();
    for (const { name, inlined } of placement.functions.values())
      for (const { into } of inlined) {
        const set = draft.get(into);
        if (set) set.add(name);
        else draft.set(into, new Set([name]));
      }
    known = draft;
    held.set(placement, known);
  }
  return known.get(holder) ?? new Set();
}

/** A callee that was inlined and is called since, or the other way round, though neither is edited. */
export function inliningReason(
  holder: string,
  before: Placement | undefined,
  after: Placement | undefined,
): Reason | undefined {
  if (!before || !after) return undefined;
  const calls = (placement: Placement, name: string) =>
    placement.functions.get(name)?.callers.some((caller) => caller.name === holder) === true;
  const find = (has: Placement, lacks: Placement) =>
    [...copiesIn(has, holder)]
      .filter((name) => !copiesIn(lacks, holder).has(name) && calls(lacks, name))
      .sort();
  const [lost] = find(before, after);
  if (lost !== undefined)
    return {
      kind: 'compiler',
      text: `none of its lines is edited; ${lost} was inlined into it before the fix, and is called since`,
      function: lost,
    };
  const [gained] = find(after, before);
  if (gained === undefined) return undefined;
  return {
    kind: 'compiler',
    text: `none of its lines is edited; ${gained} is inlined into it since the fix, and was called before`,
    function: gained,
  };
}

/** An edited function that is inlined and left no code to which debug information could point: only gcc's own record tells. */
export function foldedInlineReason(
  holder: string,
  edited: { readonly name: string; readonly path: string; readonly lines: { first: number; last: number } },
  placement: Placement | undefined,
): Reason | undefined {
  const copy = placement?.functions
    .get(edited.name)
    ?.inlined.find(({ into, by }) => into === holder && !by.includes('dwarf'));
  if (!copy) return undefined;
  const chain = [...copy.chain].reverse().concat(edited.name);
  return {
    kind: 'inlined',
    text: `${edited.name}, which the fix edits, is inlined into it${chain.length > 1 ? ` by way of ${chain.join(' → ')}` : ''}; no code of it is left that debug information could name, but the compiler tells`,
    function: edited.name,
    file: edited.path,
    lines: { ...edited.lines },
    chain: chain.map((name) => ({ function: name })),
  };
}

/** A string, a constant or an offset that differs, where the comparison shows no more than that. */
export function valueReason({ difference }: FunctionChange): Reason | undefined {
  if (!difference) return undefined;
  const { kind, before, after, offset } = difference;
  const at = `at +0x${offset.toString(16)}`;
  if (kind === 'reference') {
    if (before.startsWith('"') && after.startsWith('"'))
      return { kind: 'string', text: `a string of it changes: ${before} becomes ${after}, ${at}` };
    if (before.startsWith('constant ') && after.startsWith('constant '))
      return {
        kind: 'constant',
        text: `it reads another constant: ${before.slice(9)} becomes ${after.slice(9)}, ${at}`,
      };
    return undefined;
  }
  // The targets of jumps and calls, and places on the stack, are no values of the source.
  if (kind !== 'code' || /^(j|call|b)\w*\s|\b[re]?sp\b|\(%rbp|\brip\b/.test(before)) return undefined;
  const number = /\b(?:0x[0-9a-f]+|\d+)\b/g;
  if (before.replace(number, '#') !== after.replace(number, '#')) return undefined;
  const [was, is] = [before, after].map((text) => [...text.matchAll(number)]);
  const differing = was.findIndex(([text], index) => text !== is[index]?.[0]);
  if (differing < 0) return undefined;
  const [x, y] = [was[differing], is[differing]];
  // `8(%rdi)` on x86, `[x0, 8]` elsewhere.
  const isOffset =
    before[x.index + x[0].length] === '(' ||
    before.lastIndexOf('[', x.index) > before.lastIndexOf(']', x.index);
  return isOffset
    ? { kind: 'type', text: `an offset into a structure or table changes: ${x[0]} becomes ${y[0]}, ${at}` }
    : { kind: 'constant', text: `a constant in its code changes: ${x[0]} becomes ${y[0]}, ${at}` };
}

/** What an edit outside of all functions is an edit of. */
export interface EditedDeclaration {
  readonly kind: 'macro' | 'type' | 'other';
  /** `LIMIT`, `struct dev`; empty where it has none. */
  readonly name: string;
  /** Words that who uses it must have: the macro, the enumerators in the edited lines. */
  readonly words: readonly string[];
}

/** What the line of a text belongs to, by text: kernel style puts what is declared into the first column. */
export function declarationAt(lines: readonly string[], first: number, last: number): EditedDeclaration {
  let top = Math.min(first, lines.length);
  while (top > 1 && lines[top - 2]?.endsWith('\\')) top--;
  const macro = /^\s*#\s*define\s+(\w+)/.exec(lines[top - 1] ?? '');
  if (macro) return { kind: 'macro', name: macro[1], words: [macro[1]] };
  for (let line = top; line >= 1 && line > top - farthest; line--) {
    const text = lines[line - 1] ?? '';
    const type = /^(?:typedef\s+)?(struct|union|enum)\b\s*(\w*)[^;()]*$/.exec(text);
    if (type) {
      const edited = lines.slice(first - 1, Math.max(first, last)).join('\n');
      const words =
        type[1] === 'enum' ? [...edited.matchAll(/^\s*(\w+)\s*[=,\n}]/gm)].map((match) => match[1]) : [];
      return { kind: 'type', name: `${type[1]} ${type[2]}`.trim(), words };
    }
    if (line < top && /^[}]|;\s*$/.test(text) && !/^\s/.test(text)) break;
  }
  return { kind: 'other', name: '', words: [] };
}

/** Lines of the longest type that is looked through for its head. */
const farthest = 400;
