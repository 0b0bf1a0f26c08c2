/**
 * The text of a C source without comments; strings and characters are kept. Every removed character but a line's end becomes a
 * space, so that places stay.
 */
export function withoutComments(text: string): string {
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/(?:[^\n\\]|\\[\s\S])*|"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/g,
    (token) => (token.startsWith('/') ? token.replace(/[^\n]/g, ' ') : token),
  );
}

/** Tokens of a C text without comments: words, numbers, strings, and single signs. */
export function tokens(text: string): string[] {
  return (
    withoutComments(text).match(/"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'|[\w$]+|[^\s\w$]/g) ?? []
  );
}

/**
 * What a C text declares and defines, without the bodies of its functions, as tokens; `undefined` when braces do not balance, as
 * conditionals may leave them.
 */
export function declarationTokens(text: string): string[] | undefined {
  const out: string[] = [];
  const all = tokens(text);
  let depth = 0;
  let body = -1;
  /** What stood before the parenthesis that was closed last, at the outer level. */
  let caller = '';
  let parens = 0;
  for (let at = 0; at < all.length; at++) {
    const token = all[at];
    if (body < 0) {
      if (token === '(' && parens++ === 0) caller = all[at - 1] ?? '';
      if (token === ')') parens--;
      const isBody =
        token === '{' && all[at - 1] === ')' && depth === 0 && !/^__(attribute__|aligned)$/.test(caller);
      if (isBody) body = depth;
      else out.push(token);
    }
    if (token === '{') depth++;
    if (token === '}') depth--;
    if (depth < 0) return undefined;
    if (body >= 0 && depth === body) {
      body = -1;
      parens = 0;
      out.push('{}');
    }
  }
  return depth === 0 ? out : undefined;
}

/** True when two versions of a file may declare something in another way; what only moved within function bodies does not. */
export function mayDeclareOtherwise(before: string | undefined, after: string | undefined): boolean {
  if (before === undefined || after === undefined) return true;
  const was = declarationTokens(before);
  const is = declarationTokens(after);
  return was === undefined || is === undefined || was.join(' ') !== is.join(' ');
}

/** A macro as a text defines it. */
export interface Macro {
  readonly name: string;
  readonly isFunction: boolean;
  /** Tokens of all its definitions in the text, in their order. */
  readonly body: string;
}

/** The macros of a text by name. */
export function macrosOf(text: string): Map<string, Macro> {
  const found = new Map<string, Macro>();
  const joined = withoutComments(text).replace(/\\\r?\n/g, ' ');
  for (const match of joined.matchAll(/^[ \t]*#[ \t]*define[ \t]+(\w+)(\([^)]*\))?([^\n]*)/gm)) {
    const [, name, parameters, rest] = match;
    const body = tokens(`${parameters ?? ''} ${rest}`).join(' ');
    const known = found.get(name);
    found.set(name, {
      name,
      isFunction: parameters !== undefined || known?.isFunction === true,
      body: known ? `${known.body} | ${body}` : body,
    });
  }
  return found;
}
