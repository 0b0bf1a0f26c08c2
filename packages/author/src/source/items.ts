import { directiveOf, type Token, tokensOf } from './tokens.ts';

/** A top-level piece of a C file, in the order of the file. */
export interface Item {
  /** The file that it is in, relative to the tree. */
  readonly file: string;
  /**
   * - `directive`: a line that begins with `#`;
   * - `code`: a declaration, a definition or a macro that stands for some.
   */
  readonly kind: 'directive' | 'code';
  /** Of a directive: `include`, `define`, `if` … */
  readonly word: string;
  /** Place in the file's text, the comment before it apart. */
  readonly start: number;
  readonly end: number;
  /** Place of the comment that stands directly before it; `start` when there is none. */
  readonly commentStart: number;
  /** First and last line, from 1. */
  readonly line: number;
  readonly lastLine: number;
  readonly tokens: readonly Token[];
  /** Place of the `{` of a function's body among `tokens`; -1 for anything else. */
  readonly body: number;
}

const conditions = new Set(['if', 'ifdef', 'ifndef', 'elif', 'else', 'endif', 'elifdef', 'elifndef']);

/** True for a directive of a conditional. */
export function isCondition({ kind, word }: Item): boolean {
  return kind === 'directive' && conditions.has(word);
}

const types = new Set(['struct', 'union', 'enum']);
const starts = new Set([
  'static',
  'extern',
  'typedef',
  'inline',
  'const',
  'void',
  'int',
  'unsigned',
  'long',
  'bool',
]);

/**
 * Cuts a C file into its top-level items, whatever macros it is written with: where an item ends is told by brackets and semicolons
 * alone. Branches of a conditional in the middle of an item each begin with the brackets that were open before it.
 */
export function itemsOf(file: string, text: string): Item[] {
  const tokens = tokensOf(text);
  const items: Item[] = [];
  let from = 0;
  let lastEnd = 0;
  const push = (to: number, kind: Item['kind'], word = '', body = -1) => {
    const own = tokens.slice(from, to);
    if (own.length === 0) return;
    const [first, last] = [own[0], own.at(-1) as Token];
    const { start } = first;
    const lastLine = last.line + (last.text.match(/\n/g)?.length ?? 0);
    // Two items on one line cannot be told apart by the preprocessor's lines.
    const previous = items.at(-1);
    if (kind === 'code' && previous?.kind === 'code' && previous.lastLine === first.line) {
      items[items.length - 1] = {
        ...previous,
        end: last.end,
        lastLine,
        tokens: [...previous.tokens, ...own],
        body: -1,
      };
    } else
      items.push({
        file,
        kind,
        word,
        start,
        end: last.end,
        commentStart: kind === 'code' ? commentBefore(text, lastEnd, start) : start,
        line: first.line,
        lastLine,
        tokens: own,
        body,
      });
    lastEnd = last.end;
    from = to;
  };
  let open: string[] = [];
  const kept: string[][] = [];
  let body = -1;
  let hasEquals = false;
  let hasGroup = false;
  const begin = () => {
    open = [];
    kept.length = 0;
    body = -1;
    hasEquals = false;
    hasGroup = false;
  };
  for (let index = 0; index < tokens.length; index++) {
    const { kind, text: mark } = tokens[index];
    if (kind === 'directive') {
      const { word } = directiveOf(mark);
      if (from === index && !opensHeads(tokens, index)) {
        push(index + 1, 'directive', word);
        continue;
      }
      if (from === index) begin();
      if (word === 'if' || word === 'ifdef' || word === 'ifndef') kept.push([...open]);
      else if (word === 'endif') kept.pop();
      else if (conditions.has(word) && kept.length > 0) open = [...(kept.at(-1) as string[])];
      continue;
    }
    if (index === from) begin();
    if (kind === 'mark' && (mark === '(' || mark === '[' || mark === '{')) {
      if (
        mark === '{' &&
        open.length === 0 &&
        body < 0 &&
        !hasEquals &&
        isBody(tokens, from, index, hasGroup)
      )
        body = index - from;
      if (mark === '(' && open.length === 0) hasGroup = true;
      open.push(mark);
    } else if (kind === 'mark' && (mark === ')' || mark === ']' || mark === '}')) {
      open.pop();
      if (open.length > 0) continue;
      if (mark === '}' && body >= 0) {
        if (kept.length > 0 && !endsHere(tokens, index)) continue;
        // A stray semicolon behind a function belongs to it.
        const next = tokens[index + 1];
        if (next?.text === ';' && next.kind === 'mark') index++;
        push(index + 1, 'code', '', body);
      } else if (mark === ')' && tokens[from].kind !== 'directive' && isBareCall(tokens, from, index))
        push(index + 1, 'code');
    } else if (open.length === 0 && kind === 'mark') {
      if (mark === '=') hasEquals = true;
      if (mark === ';') push(index + 1, 'code');
    }
  }
  push(tokens.length, 'code');
  return items;
}

/** Is the conditional at `index` one of several heads of a function, whose body follows behind the `#endif`? */
function opensHeads(tokens: readonly Token[], index: number): boolean {
  let depth = 0;
  for (let at = index; at < tokens.length; at++) {
    if (tokens[at].kind !== 'directive') continue;
    const { word } = directiveOf(tokens[at].text);
    if (word === 'if' || word === 'ifdef' || word === 'ifndef') depth++;
    else if (word === 'endif' && --depth === 0) return tokens[at + 1]?.text === '{';
    if (depth === 0) return false;
  }
  return false;
}

/** Is the brace at `index`, the first of the item, that of a function's body? */
function isBody(tokens: readonly Token[], from: number, index: number, hasGroup: boolean): boolean {
  if (!hasGroup) return false;
  const previous = tokens[index - 1];
  let begin = from;
  while (/^(static|const|extern|typedef|inline|volatile)$/.test(tokens[begin].text)) begin++;
  if (!types.has(tokens[begin].text)) return true;
  return previous.text === ')' && !isAttribute(tokens, from, index - 1);
}

/** True for the `)` of `__attribute__((…))` or of an attribute macro directly behind `struct`. */
function isAttribute(tokens: readonly Token[], from: number, close: number): boolean {
  let depth = 0;
  for (let index = close; index >= from; index--) {
    if (tokens[index].text === ')') depth++;
    if (tokens[index].text === '(' && --depth === 0) {
      const name = tokens[index - 1]?.text ?? '';
      return name.startsWith('__attribute') || types.has(tokens[index - 2]?.text ?? '');
    }
  }
  return false;
}

/** With a conditional open in the middle of a function: what follows begins at the line's start, so the function is over. */
function endsHere(tokens: readonly Token[], index: number): boolean {
  const next = tokens[index + 1];
  return next === undefined || next.kind !== 'directive';
}

/** `NAME(…)` on lines of its own and without a semicolon: something else begins behind it. */
function isBareCall(tokens: readonly Token[], from: number, close: number): boolean {
  const next = tokens[close + 1];
  if (!next) return true;
  if (next.line <= tokens[close].line) return false;
  if (next.kind === 'directive')
    return /^#\s*(endif|else|elif|define|undef|include)/.test(next.text) && opensAt(tokens, from, close);
  if (next.kind !== 'name') return false;
  if (opensAt(tokens, from, close))
    return !next.text.startsWith('__attribute') && tokens[close + 2]?.text !== ';';
  return starts.has(next.text) && tokens[from].kind === 'name' && opensAt(tokens, from + 1, close);
}

function opensAt(tokens: readonly Token[], from: number, close: number): boolean {
  if (tokens[from]?.kind !== 'name' || tokens[from + 1]?.text !== '(') return false;
  let depth = 0;
  for (let index = from + 1; index <= close; index++) {
    if (tokens[index].text === '(') depth++;
    if (tokens[index].text === ')' && --depth === 0) return index === close;
  }
  return false;
}

/** The start of the comment that ends on the line before `start`, or on the same. */
function commentBefore(text: string, from: number, start: number): number {
  let at = start;
  for (;;) {
    const gap = text.slice(from, at);
    const trimmed = gap.trimEnd();
    if ((gap.slice(trimmed.length).match(/\n/g)?.length ?? 0) > 1) return at;
    if (trimmed.endsWith('*/')) {
      const open = from + trimmed.lastIndexOf('/*');
      // A comment that begins behind code on its line belongs to that.
      const lineStart = text.lastIndexOf('\n', open) + 1;
      if (text.slice(lineStart, open).trim() !== '' || open < from) return at;
      at = lineStart < from ? open : lineStart;
      continue;
    }
    const lineStart = Math.max(from, from + trimmed.lastIndexOf('\n') + 1);
    if (
      trimmed !== '' &&
      text
        .slice(lineStart, from + trimmed.length)
        .trimStart()
        .startsWith('//')
    ) {
      at = lineStart;
      continue;
    }
    return at;
  }
}
