/** A token of C as the preprocessor sees it; comments and line ends are not among them. */
export interface Token {
  readonly kind: 'name' | 'number' | 'text' | 'mark' | 'directive';
  /** As written; of a directive the whole logical line from its `#` on, comments in it included. */
  readonly text: string;
  /** Place in the text. */
  readonly start: number;
  readonly end: number;
  /** Line of its first letter, from 1. */
  readonly line: number;
}

const longMarks = new Set([
  ...['>>=', '<<=', '...', '->', '++', '--', '<<', '>>', '<=', '>=', '==', '!=', '&&', '||'],
  ...['+=', '-=', '*=', '/=', '%=', '&=', '|=', '^=', '##'],
]);

/** 1 for what a name begins with, 2 for digits, by code; above 127 all is taken for letters. */
const classes = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const letter = String.fromCharCode(code);
  if (/[A-Za-z_$]/.test(letter)) classes[code] = 1;
  else if (/[0-9]/.test(letter)) classes[code] = 2;
}
const isPart = (code: number) => code > 127 || classes[code] !== 0;

/**
 * Cuts a text into tokens. What the compiler would refuse (a string without an end) ends at the end of its line: the text is the
 * author's, and the compiler will say so.
 *
 * @param withDirectives take lines that begin with `#` as one token each
 */
export function tokensOf(text: string, withDirectives = true): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  let isLineStart = true;
  const length = text.length;
  const add = (kind: Token['kind'], end: number) => {
    tokens.push({ kind, text: text.slice(at, end), start: at, end, line });
    if (kind === 'directive' || kind === 'text')
      for (let i = at; i < end; i++) if (text.charCodeAt(i) === 10) line++;
    at = end;
    isLineStart = false;
  };
  while (at < length) {
    const letter = text[at];
    const code = text.charCodeAt(at);
    if (letter === '\n') {
      line++;
      at++;
      isLineStart = true;
    } else if (letter === ' ' || letter === '\t' || letter === '\r' || letter === '\f') at++;
    else if (letter === '\\' && /^\\[ \t\r]*\n/.test(text.slice(at, at + 80))) {
      at = text.indexOf('\n', at) + 1;
      line++;
    } else if (letter === '/' && text[at + 1] === '*') {
      const close = text.indexOf('*/', at + 2);
      const end = close < 0 ? length : close + 2;
      for (let i = at; i < end; i++) if (text.charCodeAt(i) === 10) line++;
      at = end;
    } else if (letter === '/' && text[at + 1] === '/') at = lineEnd(text, at);
    else if (letter === '#' && isLineStart && withDirectives) add('directive', directiveEnd(text, at));
    else if (code > 127 || classes[code] === 1) {
      let end = at + 1;
      while (end < length && isPart(text.charCodeAt(end))) end++;
      add(text[end] === '"' && /^(L|u8?|U)$/.test(text.slice(at, end)) ? 'text' : 'name', end);
    } else if (classes[code] === 2) {
      let end = at + 1;
      while (end < length && (isPart(text.charCodeAt(end)) || text[end] === '.' || isExponent(text, end)))
        end++;
      add('number', end);
    } else if (letter === '"' || letter === "'") add('text', stringEnd(text, at));
    else add('mark', at + markLength(text, at));
  }
  return tokens;
}

function markLength(text: string, at: number): number {
  const letter = text[at];
  if ('(){}[];,?:~'.includes(letter)) return 1;
  if (longMarks.has(text.slice(at, at + 3))) return 3;
  return longMarks.has(text.slice(at, at + 2)) ? 2 : 1;
}

/** The sign in `1e-5`; not that in `0xe-5`, where no kernel writes it without spaces. */
function isExponent(text: string, at: number): boolean {
  return (
    /[+-]/.test(text[at]) && /[eEpP]/.test(text[at - 1]) && !/^0[xX]/.test(text.slice(at - 8, at).trim())
  );
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === text[start]) return at + 1;
    else if (text[at] === '\n') return at;
  }
  return text.length;
}

/** The end of a line, with those that a backslash joins to it. */
function lineEnd(text: string, start: number): number {
  let at = text.indexOf('\n', start);
  while (at >= 0 && /\\[ \t\r]*$/.test(text.slice(Math.max(start, at - 80), at)))
    at = text.indexOf('\n', at + 1);
  return at < 0 ? text.length : at;
}

/** The end of a directive: of its joined lines, or of a comment that goes on behind them. */
function directiveEnd(text: string, start: number): number {
  let at = start;
  for (;;) {
    const end = lineEnd(text, at);
    const open = commentLeftOpen(text, at, end);
    if (open < 0) return end;
    const close = text.indexOf('*/', open + 2);
    if (close < 0) return text.length;
    at = close + 2;
    if (at >= end) {
      const rest = lineEnd(text, at);
      if (commentLeftOpen(text, at, rest) < 0) return rest;
    }
  }
}

/** Where a comment begins in a stretch that ends behind it; -1 when none does. */
function commentLeftOpen(text: string, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    if (text[at] === '"' || text[at] === "'") at = Math.min(stringEnd(text, at), end) - 1;
    else if (text[at] === '/' && text[at + 1] === '/') return -1;
    else if (text[at] === '/' && text[at + 1] === '*') {
      const close = text.indexOf('*/', at + 2);
      if (close < 0 || close + 2 > end) return at;
      at = close + 1;
    }
  }
  return -1;
}

/** A directive in parts: `define`, then the rest of its line. */
export function directiveOf(text: string): { readonly word: string; readonly rest: string } {
  const match = /^#\s*([A-Za-z_]\w*)?\s*([\s\S]*)$/.exec(text.replace(/\\[ \t\r]*\n/g, ' '));
  return { word: match?.[1] ?? '', rest: match?.[2] ?? '' };
}

const pairs: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** The index of the token that closes what `tokens[open]` opens; the last one when nothing does. */
export function closing(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let index = open; index < tokens.length; index++) {
    const { text, kind } = tokens[index];
    if (kind !== 'mark') continue;
    if (pairs[text]) depth++;
    else if (text === ')' || text === ']' || text === '}') {
      depth--;
      if (depth === 0) return index;
    }
  }
  return tokens.length - 1;
}
