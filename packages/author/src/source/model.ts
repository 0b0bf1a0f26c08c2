import { posix } from 'node:path';
import type { Expansion } from './expansion.ts';
import { type Item, isCondition, itemsOf } from './items.ts';
import type { Definition, Syntax } from './syntax.ts';
import { directiveOf, type Token, tokensOf } from './tokens.ts';

/** An item of a unit's text with what the preprocessor made of it. */
export interface Part {
  readonly item: Item;
  /** Place in the order in which the compiler reads the unit. */
  readonly order: number;
  /** The item as preprocessed; empty for directives and for what a condition leaves out. */
  readonly expanded: string;
  readonly definitions: readonly Definition[];
  /** Of `#define` and `#undef`: the macro. */
  readonly macro: string | undefined;
  /** The fix changes or adds its text. */
  readonly isEdited: boolean;
  /** Names in the conditions that it stands in. */
  readonly conditions: readonly string[];
  /** Set for a part of a header that the fix changes: the kernel's own header has it in its old form or not at all. */
  readonly fromHeader?: true;
}

/** A unit's own text, as a list of parts. */
export interface UnitText {
  readonly parts: readonly Part[];
  /** Parts that introduce a name, by key ({@link Definition}). */
  readonly byKey: ReadonlyMap<string, readonly Part[]>;
  /** Directives that define or undefine a macro. */
  readonly macros: ReadonlyMap<string, readonly Part[]>;
  /** The text of one of its files. */
  readonly textOf: (file: string) => string;
}

/** What {@link readUnitText} reads. */
export interface UnitTextInput {
  readonly source: string;
  /** The fixed text of a file of the tree; `undefined` when there is none. */
  readonly textOf: (file: string) => string | undefined;
  /** The text of a file before the fix. */
  readonly beforeOf: (file: string) => string | undefined;
  /** Headers that the fix changes and the unit includes. */
  readonly headers: readonly string[];
  readonly expansion: Expansion;
  readonly syntax: Syntax;
}

/** A part as its source has it, the comment before it apart. */
export function sourceOf({ textOf }: UnitText, { item }: Part): string {
  return textOf(item.file).slice(item.start, item.end);
}

/** True for a file that is included like a header and is none: its functions are those of the unit. */
export function isIncludedSource(path: string): boolean {
  return path.endsWith('.c');
}

/** Reads the text of a unit: its source, sources that it includes, and what the fix changes in its headers. */
export function readUnitText(input: UnitTextInput): UnitText {
  const parts: Part[] = [];
  const conditions: string[][] = [];
  const texts = new Map<string, string>();
  const read = (file: string, isHeader: boolean) => {
    const text = input.textOf(file);
    if (text === undefined || texts.has(file)) return;
    texts.set(file, text);
    const lines = input.expansion.linesOf(file) ?? [];
    const old = input.beforeOf(file);
    const known = old === undefined ? undefined : new Set(itemsOf(file, old).map(wording));
    const own = isHeader ? headerItems(file, text, input.beforeOf(file), lines) : itemsOf(file, text);
    for (const item of own) {
      if (item.kind === 'directive' && item.word === 'include' && !isHeader) {
        const included = includedFile(item, input.source);
        if (included !== undefined && isIncludedSource(included) && input.expansion.linesOf(included)) {
          read(included, false);
          continue;
        }
      }
      if (isCondition(item)) follow(conditions, item);
      parts.push(
        partOf(item, lines, input.syntax, parts.length, {
          isHeader,
          isEdited: known !== undefined && !known.has(wording(item)),
          conditions: conditions.flat(),
        }),
      );
    }
  };
  for (const header of input.headers) read(header, true);
  read(input.source, false);
  const byKey = new Map<string, Part[]>();
  const macros = new Map<string, Part[]>();
  for (const part of parts) {
    for (const key of new Set(part.definitions.map((definition) => definition.key))) add(byKey, key, part);
    if (part.macro !== undefined) add(macros, part.macro, part);
  }
  return { parts, byKey, macros, textOf: (file) => texts.get(file) ?? '' };
}

/** An item without spaces and comments. */
function wording({ tokens }: Item): string {
  return tokens.map(({ text }) => text).join(' ');
}

function add<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

/** Keeps the names in the conditions that are open; those of earlier branches stay. */
function follow(open: string[][], { word, tokens }: Item): void {
  if (word === 'endif') {
    open.pop();
    return;
  }
  const names = tokensOf(directiveOf(tokens[0].text).rest, false).flatMap(({ kind, text }) =>
    kind === 'name' ? [text] : [],
  );
  if (word.startsWith('if')) open.push(names);
  else open.at(-1)?.push(...names);
}

/** The file that an `#include "…"` of a source names, relative to the tree. */
function includedFile(item: Item, source: string): string | undefined {
  const named = tokensOf(directiveOf(item.tokens[0].text).rest, false)[0];
  if (named?.kind !== 'text') return undefined;
  return posix.normalize(posix.join(posix.dirname(source), named.text.slice(1, -1)));
}

function partOf(
  item: Item,
  lines: readonly string[],
  syntax: Syntax,
  order: number,
  { isHeader, isEdited, conditions }: Pick<Part, 'isEdited' | 'conditions'> & { readonly isHeader: boolean },
): Part {
  const expanded = item.kind === 'code' ? expansionOf(item, lines) : '';
  return {
    item,
    order,
    expanded,
    definitions: expanded.trim() === '' ? [] : syntax.definitions(expanded),
    macro: item.kind === 'directive' ? macroOf(item) : undefined,
    isEdited,
    conditions,
    ...(isHeader ? { fromHeader: true as const } : {}),
  };
}

function expansionOf(item: Item, lines: readonly string[]): string {
  return lines.slice(item.line, item.lastLine + 1).join('\n');
}

function macroOf(item: Item): string | undefined {
  if (item.word !== 'define' && item.word !== 'undef') return undefined;
  const [name] = tokensOf(directiveOf(item.tokens[0].text).rest, false);
  return name?.kind === 'name' ? name.text : undefined;
}

/** The names in what a macro stands for, with those of its parameters left out. */
export function macroNames(part: Part): string[] {
  const tokens = tokensOf(directiveOf(part.item.tokens[0].text).rest, false);
  const parameters = new Set<string>();
  let from = 1;
  if (tokens[1]?.text === '(' && tokens[1].start === tokens[0].end) {
    while (from < tokens.length && tokens[from].text !== ')') {
      if (tokens[from].kind === 'name') parameters.add(tokens[from].text);
      from++;
    }
    from++;
  }
  return usedNames(tokens.slice(from), parameters);
}

/**
 * Keys of the names that tokens use ({@link Definition}): members, and names of `locals`, are left out.
 */
export function usedNames(tokens: readonly Token[], locals: ReadonlySet<string>): string[] {
  const keys = new Set<string>();
  tokens.forEach((token, index) => {
    if (token.kind !== 'name') return;
    const previous = tokens[index - 1]?.text;
    if (previous === '.' || previous === '->') return;
    if (previous === 'struct' || previous === 'union' || previous === 'enum') keys.add(`tag ${token.text}`);
    else if (!locals.has(token.text)) keys.add(token.text);
  });
  return [...keys];
}

/**
 * What the fix changes in a header, as far as a file that includes the old one can make up for it: new or changed macros, functions
 * and declarations, and functions that use a changed one.
 */
function headerItems(
  file: string,
  after: string,
  before: string | undefined,
  lines: readonly string[],
): Item[] {
  const known = new Set(before === undefined ? [] : itemsOf(file, before).map(wording));
  const items = itemsOf(file, after);
  const changed = new Set(items.filter((item) => !known.has(wording(item)) && !isCondition(item)));
  const changedNames = new Set([...changed].flatMap(introduced));
  for (let size = -1; size !== changed.size; ) {
    size = changed.size;
    for (const item of items) {
      if (changed.has(item) || item.body < 0) continue;
      if (
        !usedNames(tokensOf(expansionOf(item, lines), false), new Set()).some((name) =>
          changedNames.has(name),
        )
      )
        continue;
      changed.add(item);
      for (const name of introduced(item)) changedNames.add(name);
    }
  }
  return items.filter((item) => changed.has(item) && item.word !== 'include' && item.word !== 'pragma');
}

/** Functions and macros that an item of a header introduces, by its tokens. */
function introduced(item: Item): string[] {
  if (item.kind === 'directive') {
    const macro = macroOf(item);
    return macro === undefined ? [] : [macro];
  }
  if (item.body < 0) return [];
  const open = item.tokens.findIndex(
    ({ text }, index) => text === '(' && item.tokens[index - 1]?.kind === 'name',
  );
  return open > 0 ? [item.tokens[open - 1].text] : [];
}

export { isCondition };
