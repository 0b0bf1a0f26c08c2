import { type Comparison, describe, type FunctionChange, sourceName, stemOf } from '@klpkit/compare';
import type { InlinedCall } from '@klpkit/formats';
import { clonesReason, declarationAt, foldedInlineReason, inliningReason, valueReason } from './causes.ts';
import {
  type Edit,
  type EditedFile,
  editsOf,
  functionExtent,
  type LineRange,
  linesOf,
  touches,
} from './edits.ts';
import type { Reason } from './schema.ts';
import { type InlineStep, inlineStep, type SourceSide } from './source.ts';

/** The two sides of a unit's source. */
export interface UnitSource {
  readonly before: SourceSide;
  readonly after: SourceSide;
}

/** A function of the source that the fix edits. */
interface EditedFunction {
  readonly name: string;
  readonly path: string;
  /** The lines that are edited: of the fixed text, or of the unfixed one for a function that the fix removes. */
  lines: LineRange;
  side: 'before' | 'after';
}

interface EditsOfFile {
  readonly path: string;
  readonly edits: readonly Edit[];
  /** Indices of edits that are in no function of the unit. */
  readonly outside: number[];
}

/** Says why functions of one unit changed. */
export interface Explainer {
  /** The reasons, the strongest first; at least one for every function that is not the same. */
  why(change: FunctionChange): Reason[];
}

/**
 * Prepares the explanations for one unit.
 *
 * A function changes because the fix edits its lines, or those of a function that the compiler inlined into it; else the code
 * changed without an edit, and what is known of the difference is said.
 */
export function explainUnit(
  comparison: Comparison,
  source: UnitSource,
  files: readonly EditedFile[],
): Explainer {
  const edited = new Map<string, EditedFunction>();
  const perFile = files.map((file): EditsOfFile => {
    const edits = editsOf(file.before ?? '', file.after ?? '');
    const inside = new Set<number>();
    for (const side of ['before', 'after'] as const)
      findEdited(source[side], side, file, edits, edited, inside);
    return {
      path: file.path,
      edits,
      outside: edits.flatMap((_, index) => (inside.has(index) ? [] : [index])),
    };
  });
  return { why: (change) => reasonsFor(change, { comparison, source, edited, perFile }) };
}

function findEdited(
  source: SourceSide,
  side: 'before' | 'after',
  file: EditedFile,
  edits: readonly Edit[],
  edited: Map<string, EditedFunction>,
  inside: Set<number>,
): void {
  const text = file[side];
  if (text === undefined) return;
  const lines = linesOf(text);
  for (const candidate of source.functions) {
    const place = source.place(candidate.declared);
    if (place?.path !== file.path) continue;
    const extent = functionExtent(lines, place.line);
    edits.forEach((edit, index) => {
      if (!touches(edit[side], extent.first, extent.last)) return;
      inside.add(index);
      const key = keyOf(file.path, candidate.name);
      const known = edited.get(key);
      if (known?.side === side) {
        known.lines = {
          first: Math.min(known.lines.first, edit[side].first),
          last: Math.max(known.lines.last, edit[side].last),
        };
      } else edited.set(key, { name: candidate.name, path: file.path, lines: edit[side], side });
    });
  }
}

function keyOf(path: string, name: string): string {
  return `${path}\0${name}`;
}

interface Context {
  readonly comparison: Comparison;
  readonly source: UnitSource;
  readonly edited: ReadonlyMap<string, EditedFunction>;
  readonly perFile: readonly EditsOfFile[];
}

function reasonsFor(change: FunctionChange, context: Context): Reason[] {
  const reasons: Reason[] = [];
  const problems = new Set<string>();
  const inlined = new Map<string, { edited: EditedFunction; chain: InlineStep[]; sites: number }>();
  for (const side of ['after', 'before'] as const) {
    const piece = change[side];
    if (!piece) continue;
    const body = context.source[side].of(piece);
    if ('problem' in body) {
      problems.add(body.problem);
      continue;
    }
    if (!body.instance) continue;
    const { place } = context.source[side];
    const own = body.instance.function;
    const path = place(own.declared)?.path;
    const hit = path === undefined ? undefined : context.edited.get(keyOf(path, own.name));
    if (hit && reasons.length === 0) reasons.push(editedReason(hit, change));
    const found = new Map<string, { edited: EditedFunction; chain: InlineStep[]; sites: number }>();
    collectInlined(body.instance.inlined, [], place, context.edited, found);
    for (const [key, entry] of found) if (!inlined.has(key)) inlined.set(key, entry);
  }
  reasons.push(...[...inlined.values()].map(inlinedReason).sort((a, b) => (a.text < b.text ? -1 : 1)));
  if (reasons.length === 0) reasons.push(...foldedReasons(change, context));
  if (reasons.length > 0) return reasons;
  if (change.difference?.kind === 'with')
    return [
      { kind: 'with', text: `changes together with ${change.difference.after}: one jumps into the other` },
    ];
  const flip = problems.size === 0 && change.status === 'changed' && flipReason(change, context);
  if (flip) return [flip];
  const clones = clonesReason(change, context.comparison);
  if (clones) return [clones, ...problemReasons(problems)];
  if (change.status === 'removed')
    return [
      { kind: 'removed', text: 'the fixed source has no such function, or the compiler keeps no body of it' },
    ];
  const consequence = consequenceReason(change, context);
  if (consequence) return [consequence, ...problemReasons(problems)];
  if (problems.size > 0) return problemReasons(problems);
  const found = [declarationReason(change, context), valueReason(change)].filter(
    (reason) => reason !== undefined,
  );
  if (found.length > 0) return found;
  return [compilerReason(change)];
}

/** The function of the source that the change's code is of. */
function ownName(change: FunctionChange, { source }: Context): string {
  for (const side of ['after', 'before'] as const) {
    const piece = change[side];
    const body = piece && source[side].of(piece);
    if (body && 'instance' in body && body.instance?.function.name) return body.instance.function.name;
  }
  return sourceName(change.name);
}

/** Edited functions that are inlined into it and were folded away. */
function foldedReasons(change: FunctionChange, context: Context): Reason[] {
  if (context.edited.size === 0) return [];
  const own = ownName(change, context);
  return [...context.edited.values()]
    .flatMap((edited) => {
      for (const side of ['after', 'before'] as const) {
        const reason = change[side] && foldedInlineReason(own, edited, context.source[side].placement());
        if (reason) return [reason];
      }
      return [];
    })
    .sort((a, b) => (a.text < b.text ? -1 : 1));
}

function problemReasons(problems: ReadonlySet<string>): Reason[] {
  if (problems.size === 0) return [];
  return [{ kind: 'unknown', text: `source lines not available: ${[...problems].sort().join('; ')}` }];
}

function editedReason(edited: EditedFunction, { name, status }: FunctionChange): Reason {
  const where = `${edited.path}:${rangeText(edited.lines)}${edited.side === 'before' ? ' before the fix' : ''}`;
  const clone = edited.name === name ? '' : ` of ${edited.name}, which ${name} is compiled from`;
  const verb = status === 'new' ? 'adds' : status === 'removed' ? 'removes' : 'edits';
  return {
    kind: 'edited',
    text: `the fix ${clone === '' ? verb : 'edits'} its source${clone}: ${where}`,
    function: edited.name,
    file: edited.path,
    lines: { ...edited.lines },
  };
}

function inlinedReason({
  edited,
  chain,
  sites,
}: {
  edited: EditedFunction;
  chain: InlineStep[];
  sites: number;
}): Reason {
  const at = (step: InlineStep | undefined) => (step?.call ? ` at ${step.call.path}:${step.call.line}` : '');
  const times = sites > 1 ? ` (one of ${sites} places)` : '';
  const way =
    chain.length === 1
      ? at(chain[0])
      : ` by way of ${chain.map((step) => `${step.function}${at(step)}`).join(' → ')}`;
  return {
    kind: 'inlined',
    text: `${edited.name}, which the fix edits, is inlined into it${way}${times}`,
    function: edited.name,
    file: edited.path,
    lines: { ...edited.lines },
    chain: chain.map((step) => ({
      function: step.function,
      ...(step.call ? { file: step.call.path, line: step.call.line } : {}),
    })),
  };
}

/** `12`, `12-15`, or `12` for the gap in front of line 12. */
export function rangeText(range: LineRange): string {
  return range.last > range.first ? `${range.first}-${range.last}` : `${range.first}`;
}

/** Every edited function that is inlined, with the shortest chain that leads to it. */
function collectInlined(
  calls: readonly InlinedCall[],
  above: readonly InlineStep[],
  place: SourceSide['place'],
  edited: ReadonlyMap<string, EditedFunction>,
  found: Map<string, { edited: EditedFunction; chain: InlineStep[]; sites: number }>,
): void {
  for (const call of calls) {
    const chain = [...above, inlineStep(call, place)];
    const path = place(call.function.declared)?.path;
    const key = path === undefined ? '' : keyOf(path, call.function.name);
    const hit = edited.get(key);
    const known = found.get(key);
    if (hit && !known) found.set(key, { edited: hit, chain, sites: 1 });
    else if (hit && known)
      found.set(key, {
        edited: hit,
        chain: chain.length < known.chain.length ? chain : known.chain,
        sites: known.sites + 1,
      });
    collectInlined(call.inlined, chain, place, edited, found);
  }
}

/** What the comparison itself says, where that names a cause. */
function consequenceReason(change: FunctionChange, context: Context): Reason | undefined {
  const { difference } = change;
  if (!difference) return undefined;
  switch (difference.kind) {
    case 'reference':
      return (
        valueReason(change) ?? {
          kind: 'reference',
          text: `it refers to ${difference.after} instead of ${difference.before}, at +0x${difference.offset.toString(16)}`,
        }
      );
    case 'table':
      return {
        kind: 'table',
        text: `a table entry of it differs: ${difference.before} becomes ${difference.after}`,
      };
    case 'section':
      return { kind: 'section', text: `it moves from ${difference.before} to ${difference.after}` };
    default:
      return calleeReason(change, context);
  }
}

/** A caller of an edited function: the compiler knows both, and uses what it knows. */
function calleeReason(change: FunctionChange, context: Context): Reason | undefined {
  const names = new Set([...context.edited.values()].map((entry) => entry.name));
  for (const side of ['after', 'before'] as const) {
    const piece = change[side];
    if (!piece) continue;
    for (const { target } of context.comparison[side].referencesOf(piece)) {
      const name = target.kind === 'piece' || target.kind === 'external' ? describe(target) : '';
      const stem = stemOf(name).replace(/\.(isra|part|constprop|cold)\b.*$/, '');
      if (names.has(stem))
        return {
          kind: 'compiler',
          text: `none of its lines is edited; it calls ${stem}, which is, and the compiler uses what it knows of that function`,
          function: stem,
        };
    }
  }
  return undefined;
}

/** An edit outside of all functions: the first that the function's text is seen to use, else the first of a type, else the first. */
function declarationReason(change: FunctionChange, context: Context): Reason | undefined {
  const { source, perFile } = context;
  const candidates = perFile.flatMap(({ path, edits, outside }) =>
    outside.map((index) => {
      const edit = edits[index];
      const side = edit.after.last >= edit.after.first ? ('after' as const) : ('before' as const);
      const lines = edit[side];
      const declared = declarationAt(source[side].lines(path) ?? [], lines.first, lines.last);
      return { path, side, lines, declared };
    }),
  );
  if (candidates.length === 0) return undefined;
  const texts = candidates.some(({ declared }) => declared.words.length > 0) ? textsOf(change, context) : [];
  const uses = ({ words }: { readonly words: readonly string[] }) =>
    words.some((word) => texts.some((text) => new RegExp(`\\b${word}\\b`).test(text)));
  const used = candidates.find(({ declared }) => uses(declared));
  const chosen = used ?? candidates.find(({ declared }) => declared.kind === 'type') ?? candidates[0];
  const { path, side, lines, declared } = chosen;
  const what =
    declared.name === ''
      ? 'a macro, a type or another declaration'
      : `${declared.kind === 'macro' ? 'the macro ' : ''}${declared.name}${used ? ', which it uses' : ''}`;
  return {
    kind: declared.kind === 'type' ? 'type' : 'declaration',
    text: `none of its lines is edited; the fix edits ${what}: ${path}:${rangeText(lines)}${side === 'after' ? '' : ' before the fix'}`,
    file: path,
    lines: { ...lines },
  };
}

/** The texts of a function and of all that is inlined into it. */
function textsOf(change: FunctionChange, { source }: Context): string[] {
  const texts = new Map<string, string>();
  for (const side of ['after', 'before'] as const) {
    const piece = change[side];
    const body = piece && source[side].of(piece);
    if (!body || 'problem' in body || !body.instance) continue;
    const add = (declared: InlinedCall['function']['declared']) => {
      const place = source[side].place(declared);
      const lines = place && source[side].lines(place.path);
      const key = `${side} ${place?.path}:${place?.line}`;
      if (!lines || texts.has(key)) return;
      const { first, last } = functionExtent(lines, place.line);
      texts.set(key, lines.slice(first - 1, last).join('\n'));
    };
    add(body.instance.function.declared);
    const rest = [...body.instance.inlined];
    for (let call = rest.pop(); call; call = rest.pop()) {
      add(call.function.declared);
      for (const inner of call.inlined) rest.push(inner);
    }
  }
  return [...texts.values()];
}

/** A callee that the compiler inlines on one side only. */
function flipReason(change: FunctionChange, context: Context): Reason | undefined {
  const { before, after } = context.source;
  return inliningReason(ownName(change, context), before.placement(), after.placement());
}

/** No edit explains it. */
function compilerReason({ status }: FunctionChange): Reason {
  return {
    kind: 'compiler',
    text:
      status === 'new'
        ? 'none of its lines is edited; the compiler makes a function of its own of this code since the fix'
        : 'none of its lines is edited, nor those of what is inlined into it: the compiler decides otherwise since the fix',
  };
}
