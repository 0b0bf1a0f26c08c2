/*
 * What of a preprocessed unit can become code. A header brings thousands of declarations into a unit that uses a few of them; a
 * change of the others changes nothing. So the text is cut into its declarations and definitions, and those are followed, by the
 * names in them, from what the compiler must keep: what it may drop unless something refers to it is left out.
 *
 * Where the reading is unsure, a piece counts as one that must be kept, or as one that introduces every name in it: that makes two
 * texts different more often than they are, never the other way round.
 */

/** One declaration or definition at the top of the text. */
interface Chunk {
  readonly start: number;
  readonly end: number;
  /** Numbers of all names in it. */
  readonly uses: number[];
  /** Numbers of the names that it may introduce; undefined for every name in it. */
  readonly introduces: readonly number[] | undefined;
  readonly isKept: boolean;
}

/** Groups after these say nothing about what is declared. */
const attributeWords = new Set([
  '__attribute__',
  '__attribute',
  '__asm__',
  '__asm',
  'asm',
  '_Alignas',
  '__declspec',
]);
const typeofWords = new Set(['typeof', '__typeof__', '__typeof', '__typeof_unqual__', '__auto_type']);
const tagWords = new Set(['struct', 'union', 'enum']);
const inlineWords = new Set(['inline', '__inline', '__inline__']);
const plainWords = new Set([
  ...['void', 'char', 'short', 'int', 'long', 'float', 'double', 'signed', 'unsigned', '_Bool', '__int128'],
  ...['const', 'volatile', 'static', 'extern', 'register', 'restrict', '__restrict', '__restrict__'],
  ...['__const', '__volatile__', '__signed__', '__extension__', '_Noreturn', '_Thread_local', '__thread'],
  ...['typedef', 'auto', '_Complex', ...inlineWords, ...tagWords, ...typeofWords],
]);
/** Attributes that make the compiler keep what nothing refers to, or that refer to something by a string. */
const keepingWords = new Set(
  ['used', 'constructor', 'destructor', 'externally_visible', 'alias', 'weakref', 'ifunc', 'retain'].flatMap(
    (word) => [word, `__${word}__`],
  ),
);
/** The compiler calls these on its own account. */
const impliedNames = ['memcpy', 'memmove', 'memset', 'memcmp', 'strlen', 'abort', 'printf', 'puts'];

/** The files that a preprocessed text says that it was made of, as the compiler opened them. */
export function filesOf(text: string): string[] {
  const files = new Set<string>();
  for (const [, path] of text.matchAll(/^# \d+ "((?:[^"\\]|\\.)*)"/gm))
    if (path !== undefined && !path.startsWith('<')) files.add(path.replace(/\\(.)/g, '$1'));
  return [...files];
}

/**
 * The declarations and definitions of a preprocessed unit that can become code, in their order, without line markers and with blanks
 * made equal. Two versions of a unit with the same result give the same code.
 */
export function meaningOf(preprocessed: string): string[] {
  // Every marker stands behind a newline then.
  const text = `\n${preprocessed}`;
  const names = new Map<string, number>();
  const chunks = cut(text, names);
  const introducers = new Map<number, number[]>();
  for (const [index, { introduces, uses }] of chunks.entries())
    for (const name of introduces ?? new Set(uses)) {
      const list = introducers.get(name);
      if (list) list.push(index);
      else introducers.set(name, [index]);
    }
  const reached = new Uint8Array(chunks.length);
  const asked = new Uint8Array(names.size);
  const queue: number[] = [];
  const reach = (index: number) => {
    if (reached[index]) return;
    reached[index] = 1;
    queue.push(index);
  };
  const ask = (name: number) => {
    if (asked[name]) return;
    asked[name] = 1;
    for (const index of introducers.get(name) ?? []) reach(index);
  };
  for (const name of impliedNames) {
    const number = names.get(name);
    if (number !== undefined) ask(number);
  }
  for (const [index, { isKept }] of chunks.entries()) if (isKept) reach(index);
  for (let index = queue.pop(); index !== undefined; index = queue.pop())
    for (const name of chunks[index]?.uses ?? []) ask(name);
  return chunks.filter((_, index) => reached[index]).map(({ start, end }) => plain(text.slice(start, end)));
}

/** Without line markers, and with one blank for many, but in strings. */
function plain(text: string): string {
  return text
    .replace(/^# \d+ ".*$/gm, '')
    .replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\s+/g, (part) => (/^\s/.test(part) ? ' ' : part))
    .trim();
}

/** Tokens that matter to the structure; blanks, numbers and other punctuation are passed over. */
const token =
  /\n# \d+ "[^\n]*|\n#pragma[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\.?[0-9](?:[eEpP][+-]|[\w.])*|[A-Za-z_$][\w$]*|[(){};=,[\]]/g;

/** Cuts a text at the ends of what stands at its top. */
function cut(text: string, names: Map<string, number>): Chunk[] {
  const chunks: Chunk[] = [];
  const numberOf = (name: string) => {
    let number = names.get(name);
    if (number === undefined) {
      number = names.size;
      names.set(name, number);
    }
    return number;
  };
  let reader = new ChunkReader(0);
  token.lastIndex = 0;
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const [word] = match;
    const first = word.charCodeAt(0);
    if (first === 0x0a) {
      if (word.startsWith('\n#pragma') && reader.isEmpty && !/\b(diagnostic|message|warning)\b/.test(word))
        chunks.push({ start: match.index, end: token.lastIndex, uses: [], introduces: [], isKept: true });
      continue;
    }
    if (reader.isEmpty) reader.start = match.index;
    if (reader.take(word, first)) {
      const chunk = reader.finish(token.lastIndex, text, numberOf);
      if (chunk) chunks.push(chunk);
      reader = new ChunkReader(token.lastIndex);
    }
  }
  if (!reader.isEmpty) {
    const chunk = reader.finish(text.length, text, numberOf);
    if (chunk) chunks.push({ ...chunk, isKept: true });
  }
  return chunks;
}

/** Reads the tokens of one chunk. */
class ChunkReader {
  start: number;
  isEmpty = true;
  readonly #words: string[] = [];
  /** What stands outside of all brackets: words, `()`, `{}`, `=`; without attributes. */
  readonly #top: string[] = [];
  readonly #tags: string[] = [];
  /** Names in the first bracket at the top: of a pointer to a function, its own is there. */
  readonly #inFirst: string[] = [];
  #parens = 0;
  #braces: ('enum' | 'body' | 'other')[] = [];
  /** Depth of brackets below which an attribute's group is passed over; -1 outside. */
  #attribute = -1;
  #awaitsAttribute = false;
  #isKeeping = false;
  #hasAsm = false;
  #hasBody = false;
  #groups = 0;
  /** The last words of the top or of a brace's inside, without attributes. */
  #last = '';
  #beforeLast = '';

  constructor(start: number) {
    this.start = start;
  }

  /** Takes a token; true when the chunk ends with it. */
  take(word: string, first: number): boolean {
    this.isEmpty = false;
    const isName = first === 0x24 || first === 0x5f || (first | 0x20) >= 0x61;
    if (isName && /^[A-Za-z_$]/.test(word)) {
      this.#name(word);
      return false;
    }
    switch (word) {
      case '(':
      case '[':
        this.#open(word);
        return false;
      case ')':
      case ']':
        this.#close(word);
        return false;
      case '{':
        this.#brace();
        return false;
      case '}': {
        const kind = this.#braces.pop();
        if (this.#braces.length > 0 || this.#parens > 0) {
          this.#step('}');
          return false;
        }
        this.#top.push('{}');
        this.#step('}');
        return kind === 'body';
      }
      case ';':
        this.#awaitsAttribute = false;
        this.#step(';');
        return this.#parens === 0 && this.#braces.length === 0;
      default:
        if (word === '=' || word === ',') {
          if (this.#isTop) this.#top.push(word);
          this.#step(word);
        }
        return false;
    }
  }

  get #isTop(): boolean {
    return this.#parens === 0 && this.#braces.length === 0 && this.#attribute < 0;
  }

  #step(word: string): void {
    if (this.#attribute >= 0) return;
    this.#beforeLast = this.#last;
    this.#last = word;
  }

  #name(word: string): void {
    this.#words.push(word);
    if (this.#attribute >= 0) {
      if (keepingWords.has(word)) this.#isKeeping = true;
      return;
    }
    if (attributeWords.has(word)) {
      if (/asm/.test(word)) this.#hasAsm = true;
      // asm at the start of a chunk is a statement of its own.
      if (this.#top.length === 0 && this.#braces.length === 0 && this.#parens === 0 && /asm/.test(word)) {
        this.#top.push('asm');
        this.#isKeeping = true;
      }
      this.#awaitsAttribute = true;
      return;
    }
    if (this.#braces.at(-1) === 'enum') this.#tags.push(word);
    if (this.#isTop) this.#top.push(word);
    else if (this.#parens > 0 && this.#braces.length === 0 && this.#groups === 1) this.#inFirst.push(word);
    this.#step(word);
  }

  #open(word: string): void {
    if (this.#awaitsAttribute && word === '(') {
      this.#awaitsAttribute = false;
      this.#attribute = this.#parens;
    } else if (this.#isTop && word === '(' && !typeofWords.has(this.#last)) {
      this.#top.push('()');
      this.#groups++;
    }
    this.#parens++;
  }

  #close(word: string): void {
    this.#parens--;
    if (this.#attribute === this.#parens) {
      this.#attribute = -1;
      return;
    }
    this.#step(word);
  }

  #brace(): void {
    if (this.#attribute >= 0) {
      this.#braces.push('other');
      return;
    }
    const isTagged = tagWords.has(this.#beforeLast) && this.#last !== '{';
    if (isTagged) this.#tags.push(this.#last);
    const keyword = isTagged ? this.#beforeLast : this.#last;
    // The parameters of a function stand before its body; = before a value; a tag before its members.
    const isBody =
      this.#braces.length === 0 && this.#parens === 0 && this.#last === ')' && !this.#top.includes('=');
    if (isBody) this.#hasBody = true;
    this.#braces.push(keyword === 'enum' ? 'enum' : isBody ? 'body' : 'other');
    this.#step('{');
  }

  finish(end: number, text: string, numberOf: (name: string) => number): Chunk | undefined {
    const top = this.#top;
    if (top.length === 0 && this.#words.length === 0) return undefined;
    const uses = this.#words.map(numberOf);
    if (this.#isKeeping || this.#hasAsm)
      for (const [part] of text.slice(this.start, end).matchAll(/"(?:\\.|[^"\\])*"/g))
        for (const [word] of part.matchAll(/[A-Za-z_$][\w$]*/g)) uses.push(numberOf(word));
    const { isKept, introduces } = this.#judge();
    return {
      start: this.start,
      end,
      uses,
      isKept: isKept || this.#isKeeping,
      introduces: introduces?.map(numberOf),
    };
  }

  /** Whether the compiler must keep the chunk, and the names that it introduces; undefined for all that are in it. */
  #judge(): { isKept: boolean; introduces: string[] | undefined } {
    const top = this.#top;
    const group = top.indexOf('()');
    const before = group > 0 ? (top[group - 1] as string) : undefined;
    const isNamed = before !== undefined && /^[A-Za-z_$]/.test(before) && !plainWords.has(before);
    const isStatic = top.includes('static');
    const isExtern = top.includes('extern');
    const own = isNamed ? [before, ...this.#tags] : undefined;
    if (this.#hasBody) {
      const isDroppable = isStatic || (isExtern && top.some((word) => inlineWords.has(word)));
      return { isKept: !isDroppable, introduces: own };
    }
    if (top.some((word) => /^_Static_assert|^static_assert/.test(word)))
      return { isKept: true, introduces: [] };
    const declared = top.filter(
      (word, index) =>
        /^[A-Za-z_$]/.test(word) && !plainWords.has(word) && !tagWords.has(top[index - 1] ?? ''),
    );
    const all = [...declared, ...this.#inFirst, ...this.#tags];
    if (top[0] === 'typedef' || top[1] === 'typedef') return { isKept: false, introduces: all };
    if (top.includes('=')) return { isKept: !isStatic, introduces: all };
    if (group >= 0) {
      // int f(int); declares, int (*p)(int); defines.
      const isPrototype = isNamed && group > 1 && !tagWords.has(top[group - 2] ?? '');
      return {
        isKept: !isPrototype && !isStatic && !isExtern,
        introduces: isPrototype ? own : undefined,
      };
    }
    if (isStatic || isExtern) return { isKept: false, introduces: all };
    // struct s { … }; or struct s; declare a type alone.
    if (declared.length === 0 && top.some((word) => tagWords.has(word)))
      return { isKept: false, introduces: this.#tags };
    return { isKept: true, introduces: all };
  }
}
