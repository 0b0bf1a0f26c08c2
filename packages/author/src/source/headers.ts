import { type Token, tokensOf } from './tokens.ts';

/** What the text that an `#include` brings introduces. */
export interface Introduced {
  /** Macros, with what they stand for. */
  readonly macros: ReadonlyMap<string, string>;
  /** Functions, variables, types, enumerators; structures, unions and enumerations with `tag ` before their names. */
  readonly names: ReadonlySet<string>;
}

const keywords = new Set(
  'asm __asm__ bool char const double else enum extern float for if inline int long return short signed sizeof static struct switch typedef typeof __typeof__ union unsigned void volatile while __attribute__ _Static_assert __extension__'.split(
    ' ',
  ),
);

/**
 * Reads what preprocessed header text introduces, by brackets and neighbours: a name before `(`, `;`, `,`, `=` or `[` outside of all
 * brackets, a tag before `{`, an enumerator.
 *
 * @param text lines of a header after the preprocessor
 * @param defines `#define` directives, as the preprocessor prints them
 */
export function introducedBy(text: string, defines: readonly string[]): Introduced {
  const macros = new Map<string, string>();
  for (const directive of defines) {
    const name = /^#define (\w+)/.exec(directive)?.[1];
    if (name !== undefined) macros.set(name, directive.slice(8 + name.length));
  }
  const names = new Set<string>();
  const tokens = tokensOf(text, false);
  let braces = 0;
  let parentheses = 0;
  const enums: number[] = [];
  tokens.forEach((token, index) => {
    const { kind, text: word } = token;
    const previous = tokens[index - 1];
    const next = tokens[index + 1]?.text;
    if (kind === 'mark') {
      if (word === '(') parentheses++;
      else if (word === ')') parentheses = Math.max(0, parentheses - 1);
      else if (word === '{') {
        braces++;
        if (opensEnum(tokens, index)) enums.push(braces);
      } else if (word === '}') {
        if (enums.at(-1) === braces) enums.pop();
        braces = Math.max(0, braces - 1);
        if (braces === 0) parentheses = 0;
      }
      return;
    }
    if (kind !== 'name' || keywords.has(word)) return;
    const isTag = /^(struct|union|enum)$/.test(previous?.text ?? '');
    if (isTag && next === '{') names.add(`tag ${word}`);
    else if (enums.at(-1) === braces && (previous?.text === '{' || previous?.text === ',')) names.add(word);
    else if (braces === 0 && parentheses === 0 && !isTag && /^[(;,=[]$/.test(next ?? '')) names.add(word);
    else if (braces === 0 && parentheses === 1 && isPointerName(tokens, index)) names.add(word);
  });
  return { macros, names };
}

/** `(*name)`, as in the declaration of a pointer to a function. */
function isPointerName(tokens: readonly Token[], index: number): boolean {
  const text = (at: number) => tokens[index + at]?.text;
  return text(-2) === '(' && text(-1) === '*' && text(1) === ')';
}

function opensEnum(tokens: readonly Token[], brace: number): boolean {
  return tokens[brace - 1]?.text === 'enum' || tokens[brace - 2]?.text === 'enum';
}

/**
 * Tells which of several `#include`s bring something that a text uses.
 *
 * @param brought what each brings that those before it do not, by its key
 * @param used names, and keys of tags, that the text uses
 */
export function neededHeaders(brought: ReadonlyMap<string, Introduced>, used: Iterable<string>): Set<string> {
  const byName = new Map<string, string[]>();
  const bodies = new Map<string, string>();
  for (const [key, { macros, names }] of brought) {
    for (const name of [...names, ...macros.keys()]) {
      const list = byName.get(name);
      if (list) list.push(key);
      else byName.set(name, [key]);
    }
    for (const [name, body] of macros) bodies.set(name, body);
  }
  const needed = new Set<string>();
  const seen = new Set<string>();
  const queue = [...used];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const key of byName.get(name) ?? []) needed.add(key);
    const body = bodies.get(name);
    if (body !== undefined)
      for (const { kind, text } of tokensOf(body, false)) if (kind === 'name') queue.push(text);
  }
  return needed;
}
