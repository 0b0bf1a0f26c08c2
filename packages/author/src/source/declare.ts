import type { Part, UnitText } from './model.ts';
import { headOf } from './plan.ts';
import { closing, type Token, tokensOf } from './tokens.ts';

/** What a name becomes. */
export interface Rename {
  readonly to: string;
  /**
   * Which uses are meant; all without. A pointer to a replaced function stays one to the kernel's own, which leads to the new one; a
   * pointer to a function that a header brings must become one.
   */
  readonly only?: 'calls' | 'pointers';
}

/** The part of a text that defines a function; one that the fix changes in a header before one of the source. */
export function definitionOf(text: UnitText, name: string): Part | undefined {
  const parts = text.byKey.get(name) ?? [];
  const isIt = (part: Part) => part.definitions.some((one) => one.key === name && one.meaning === 'function');
  return parts.find((part) => part.fromHeader && isIt(part)) ?? parts.find(isIt);
}

/** True for a function that the source declares static. */
export function isStatic(part: Part, name: string): boolean {
  return part.definitions.some((one) => one.name === name && one.isStatic);
}

/** The opposite of {@link isStatic}. */
export function isPlainGlobal(part: Part, name: string): boolean {
  return !isStatic(part, name);
}

/** True when the source itself says `name(…)` in front of the body. */
export function hasPlainHead({ item }: Part, name: string): boolean {
  if (item.body < 0) return false;
  return item.tokens
    .slice(0, item.body)
    .some(
      ({ text, kind }, index) => kind === 'name' && text === name && item.tokens[index + 1]?.text === '(',
    );
}

/** The argument of a macro out of which it makes the name of a function; `undefined` for a function that is written out. */
export function argumentThatNames(part: Part, name: string): string | undefined {
  if (hasPlainHead(part, name)) return undefined;
  const { tokens, body } = part.item;
  const open = tokens.findIndex(({ text }) => text === '(');
  if (open < 0 || (body >= 0 && open > body)) return undefined;
  const close = closing(tokens, open);
  const names = tokens
    .slice(open + 1, close)
    .filter(({ kind, text }) => kind === 'name' && name.includes(text));
  return names.sort((a, b) => b.text.length - a.text.length)[0]?.text;
}

/** `STATIC` is how some file systems write it. */
function isStaticWord(word: string): boolean {
  return word === 'static' || word === 'STATIC';
}

const inlineWords =
  /^(inline|__inline|__inline__|__always_inline|noinline|noinline_for_stack|__maybe_unused|__init|__exit|notrace|__sched|__ref|__latent_entropy)$/;

/** What stands in front of a function's body, without `static` and what concerns inlining. */
export function headTokens(tokens: readonly Token[], source: string, base: number): string {
  let out = '';
  let from = (tokens[0]?.start ?? base) - base;
  for (const token of tokens) {
    if (token.kind === 'name' && (isStaticWord(token.text) || inlineWords.test(token.text))) {
      out += source.slice(from, token.start - base);
      from = token.end - base;
      while (/\s/.test(source[from] ?? '')) from++;
    }
  }
  const last = tokens.at(-1);
  return out + source.slice(from, last ? last.end - base : source.length);
}

/** The declarator of a function out of preprocessed text. */
export function declarationIn(expanded: string, name: string): string {
  const tokens = tokensOf(withoutAttributes(expanded), false);
  const at = tokens.findIndex(({ text }, index) => text === name && tokens[index + 1]?.text === '(');
  if (at < 0) return `void ${name}(void)`;
  let begin = at;
  while (begin > 0 && !/^[;}]$/.test(tokens[begin - 1].text)) begin--;
  const end = closing(tokens, at + 1);
  return tokens
    .slice(begin, end + 1)
    .filter(({ text }) => !/^(static|inline|extern)$/.test(text))
    .map(({ text }) => text)
    .join(' ');
}

/** Preprocessed text without attributes, on one line. */
export function withoutAttributes(text: string): string {
  const tokens = tokensOf(text, false);
  let out = '';
  let from = 0;
  for (let index = 0; index < tokens.length; index++) {
    if (!/^__attribute(__)?$/.test(tokens[index].text)) continue;
    const close = closing(tokens, index + 1);
    out += text.slice(from, tokens[index].start);
    from = tokens[close].end;
    index = close;
  }
  return `${out}${text.slice(from)}`.trim().replace(/\s+/g, ' ');
}

const sectionWords =
  /^(__read_mostly|__ro_after_init|__cacheline_aligned|__cacheline_aligned_in_smp|____cacheline_aligned|____cacheline_aligned_in_smp|__initdata|__initconst|__maybe_unused|__used|__refdata|__page_aligned_bss|__page_aligned_data)$/;

/** A definition of variables as a declaration: without `static`, initialisers and places. */
export function externOf(text: string): string {
  const head = headOf(text);
  const tokens = tokensOf(head);
  let out = '';
  let from = 0;
  for (const token of tokens) {
    if (token.kind !== 'name' || !(isStaticWord(token.text) || sectionWords.test(token.text))) continue;
    out += head.slice(from, token.start);
    from = token.end;
    if (isStaticWord(token.text)) while (/\s/.test(head[from] ?? '')) from++;
    else out = out.trimEnd();
  }
  const declared = `${out}${head.slice(from)}`.trim().replace(/\s+([,;])/g, '$1');
  const ended = declared.endsWith(';') ? declared : `${declared};`;
  return /^extern\b/.test(ended) ? ended : `extern ${ended}`;
}

/** Puts the length into `name[]`. */
export function withLength(text: string, name: string, length: number | undefined): string {
  if (length === undefined) return text;
  const tokens = tokensOf(text);
  const at = tokens.findIndex(
    ({ text: word }, index) =>
      word === name && tokens[index + 1]?.text === '[' && tokens[index + 2]?.text === ']',
  );
  return at < 0 ? text : `${text.slice(0, tokens[at + 1].end)}${length}${text.slice(tokens[at + 2].start)}`;
}

/** A variable whose name stands in the parentheses of a macro. */
export function isMadeByMacro({ item }: Part, names: readonly string[]): boolean {
  const { tokens } = item;
  const written = new Set<string>();
  let depth = 0;
  let isValue = false;
  for (const [index, { text, kind }] of tokens.entries()) {
    if (text === '=' && depth === 0) isValue = true;
    if (text === ',' && depth === 0) isValue = false;
    if (/^[({[]$/.test(text)) {
      // The parentheses of a pointer to a function: `(*name)(…)`.
      const isPointer = text === '(' && tokens[index + 1]?.text === '*';
      if (!isPointer) depth++;
      else depth += 0;
    } else if (/^[)}\]]$/.test(text)) depth = Math.max(0, depth - 1);
    else if (depth === 0 && !isValue && kind === 'name') written.add(text);
  }
  return names.some((name) => !written.has(name));
}

/** Place of the `{` of a function's body in its source. */
export function bodyOf(source: string, { item }: Part): number {
  const tokens = tokensOf(source);
  if (item.body >= 0) return tokens[item.body]?.start ?? source.length;
  return source.length;
}

/** Gives names others, members of structures apart. */
export function renamed(text: string, names: ReadonlyMap<string, string | Rename>): string {
  if (names.size === 0) return text;
  const tokens = tokensOf(text);
  let out = '';
  let from = 0;
  tokens.forEach((token, index) => {
    if (token.kind === 'directive') {
      const inner = renamed(token.text.slice(1), names);
      out += `${text.slice(from, token.start)}#${inner}`;
      from = token.end;
      return;
    }
    const name = token.kind === 'name' ? names.get(token.text) : undefined;
    if (name === undefined) return;
    const previous = tokens[index - 1]?.text;
    if (previous === '.' || previous === '->' || /^(struct|union|enum|goto)$/.test(previous ?? '')) return;
    const use = tokens[index + 1]?.text === '(' ? 'calls' : 'pointers';
    if (typeof name !== 'string' && (name.only ?? use) !== use) return;
    out += text.slice(from, token.start) + (typeof name === 'string' ? name : name.to);
    from = token.end;
  });
  return out + text.slice(from);
}

/** Lines with code on them. */
export function codeLines(text: string): number {
  const lines = new Set<number>();
  for (const { line, text: word } of tokensOf(text))
    for (let more = 0; more <= (word.match(/\n/g)?.length ?? 0); more++) lines.add(line + more);
  return lines.size;
}
