import type { Finding } from '@klpkit/findings';
import type { Fate, Fates, StaticFate } from './fates.ts';
import { macroNames, type Part, type UnitText, usedNames } from './model.ts';
import type { StaticLocal, Syntax } from './syntax.ts';
import { tokensOf } from './tokens.ts';

/** What is written of a part: its text, or a declaration of what it defines. */
export type Mode = 'text' | 'declaration';

/** A static variable of a function that stays the kernel's. */
export interface SharedLocal {
  readonly part: Part;
  readonly local: StaticLocal;
  readonly fate: Extract<StaticFate, { kind: 'refer' }>;
}

/** What of a unit's text goes into a source livepatch. */
export interface SourcePlan {
  readonly modes: ReadonlyMap<Part, Mode>;
  /** Functions of the text by name, with what becomes of them. */
  readonly functions: ReadonlyMap<string, Fate>;
  readonly variables: ReadonlyMap<string, Fate>;
  readonly macros: ReadonlySet<string>;
  readonly shared: readonly SharedLocal[];
  /** Which kept parts use a name. */
  readonly usersOf: (name: string) => readonly Part[];
  readonly findings: readonly Finding[];
}

/** What {@link planSource} decides from. */
export interface PlanInput {
  readonly unit: string;
  readonly text: UnitText;
  readonly fates: Fates;
  readonly syntax: Syntax;
  /** Names that are wanted whatever the closure says: what other units need, what the compiler missed. */
  readonly wanted: Iterable<string>;
  /** Functions and variables that nothing uses after all. */
  readonly unused: ReadonlySet<string>;
}

/** Closes over what the replaced functions need of the unit's own text. */
export function planSource(input: PlanInput): SourcePlan {
  return new Planner(input).run();
}

class Planner {
  readonly #input: PlanInput;
  readonly #modes = new Map<Part, Mode>();
  readonly #functions = new Map<string, Fate>();
  readonly #variables = new Map<string, Fate>();
  readonly #macros = new Set<string>();
  readonly #shared: SharedLocal[] = [];
  readonly #uses = new Map<string, Set<Part>>();
  readonly #findings: Finding[] = [];
  readonly #seen = new Set<string>();
  readonly #queue: string[] = [];

  constructor(input: PlanInput) {
    this.#input = input;
  }

  run(): SourcePlan {
    const { fates, text, unit, wanted } = this.#input;
    for (const [name, piece] of fates.replaced) {
      if (name !== piece.name) continue;
      if (!text.byKey.has(name))
        this.#findings.push({
          id: 'source-not-found',
          severity: 'error',
          what: `the definition of ${name} is not in ${unit}`,
          why: 'a header or an assembler file makes it, or a macro that is not expanded in place',
          next: 'use the binary route: klpkit build',
          at: { unit, symbol: name },
        });
      this.#need(name);
    }
    for (const name of wanted) this.#need(name);
    for (let key = this.#queue.shift(); key !== undefined; key = this.#queue.shift()) this.#visit(key);
    return {
      modes: this.#modes,
      functions: this.#functions,
      variables: this.#variables,
      macros: this.#macros,
      shared: this.#shared,
      usersOf: (name) => [...(this.#uses.get(name) ?? [])].sort((a, b) => a.order - b.order),
      findings: this.#findings,
    };
  }

  #need(key: string, user?: Part): void {
    if (user) {
      const users = this.#uses.get(key);
      if (users) users.add(user);
      else this.#uses.set(key, new Set([user]));
    }
    if (this.#seen.has(key) || this.#input.unused.has(key)) return;
    this.#seen.add(key);
    this.#queue.push(key);
  }

  #visit(key: string): void {
    const { text, fates } = this.#input;
    for (const part of text.macros.get(key) ?? []) this.#keepMacro(part);
    for (const part of text.byKey.get(key) ?? []) {
      if (isRegistration(part)) continue;
      const meanings = part.definitions
        .filter((definition) => definition.key === key)
        .map(({ meaning }) => meaning);
      if (meanings.includes('function')) {
        const fate = part.fromHeader ? copyFromHeader : fates.functionOf(key);
        this.#functions.set(key, fate);
        this.#take(part, fate.kind === 'refer' ? 'declaration' : 'text');
      } else if (meanings.includes('variable')) {
        const fate = fates.variableOf(key);
        this.#variables.set(key, fate);
        this.#take(part, fate.kind === 'refer' ? 'declaration' : 'text');
      } else if (meanings.includes('prototype')) this.#useHead(part);
      else this.#take(part, 'text');
    }
  }

  /** A declaration is written from another part or from this one; either way its types are needed. */
  #useHead(part: Part): void {
    const { definitions } = part;
    // Without a definition in this unit it stays what it is.
    if (
      definitions.some(({ key }) => this.#input.text.byKey.get(key)?.some((other) => defines(other, key)))
    ) {
      this.#useTokens(part, part.expanded);
      return;
    }
    this.#take(part, 'text');
  }

  #take(part: Part, mode: Mode): void {
    const known = this.#modes.get(part);
    if (known === 'text' || known === mode) return;
    this.#modes.set(part, mode);
    this.#useConditions(part);
    const { syntax, text } = this.#input;
    if (mode === 'declaration') {
      this.#useTokens(part, headOf(part.expanded));
      this.#useMacros(part, headOf(text.textOf(part.item.file).slice(part.item.start, part.item.end)));
      return;
    }
    const locals = syntax.locals(part.expanded);
    for (const name of usedNames(tokensOf(part.expanded, false), locals)) this.#use(name, part);
    this.#useMacros(part, text.textOf(part.item.file).slice(part.item.start, part.item.end));
    if (part.definitions.some(({ meaning }) => meaning === 'function')) this.#shareLocals(part);
  }

  #use(key: string, user: Part): void {
    const { text } = this.#input;
    if (text.byKey.has(key)) this.#need(key, user);
  }

  #useTokens(user: Part, expanded: string): void {
    for (const name of usedNames(tokensOf(expanded, false), new Set())) this.#use(name, user);
  }

  /** Macros of the unit that a text names, directives in the middle of it included. */
  #useMacros(user: Part, source: string): void {
    for (const token of tokensOf(source)) {
      const words = token.kind === 'directive' ? tokensOf(token.text.slice(1), false) : [token];
      for (const { kind, text } of words)
        if (kind === 'name' && this.#input.text.macros.has(text)) this.#need(text, user);
    }
  }

  /** Macros of the unit that decide whether the part is compiled. */
  #useConditions(part: Part): void {
    for (const name of part.conditions) if (this.#input.text.macros.has(name)) this.#need(name, part);
  }

  #keepMacro(part: Part): void {
    if (this.#modes.has(part)) return;
    this.#modes.set(part, 'text');
    this.#useConditions(part);
    if (part.macro !== undefined) this.#macros.add(part.macro);
    if (part.item.word !== 'define') return;
    for (const key of macroNames(part)) if (this.#input.text.macros.has(key)) this.#need(key, part);
  }

  #shareLocals(part: Part): void {
    const { fates, syntax, unit } = this.#input;
    for (const local of syntax.staticLocals(part.expanded)) {
      const fate = fates.staticLocal(local.name, ownerOf(part, unit));
      if (!fate) continue;
      if (fate.kind === 'refer') {
        if (!fate.isConstant || !isUnsized(local)) this.#shared.push({ part, local, fate });
        continue;
      }
      const { name } = local;
      const all = fate.pieces.map((piece) => piece.name).join(', ');
      this.#findings.push(
        fate.isConstant
          ? {
              id: 'KLP142',
              severity: 'warning',
              what: `the file has a copy of the constant ${name} of ${ownerOf(part, unit)}, since C cannot tell which it is of ${all}`,
              why: 'a pointer to it that the kernel keeps would lead nowhere once the livepatch is removed',
              next: 'look whether it is only read here; else use the binary route, klpkit build',
              at: { unit, symbol: name },
            }
          : {
              id: 'KLP122',
              severity: 'error',
              what: `${name} is a static variable of several functions of ${unit}: ${all}`,
              why: 'C has no name for the one that is meant',
              next: 'use the binary route, klpkit build, which tells them apart by their uses',
              at: { unit, symbol: name },
            },
      );
    }
  }
}

/** The function that a part defines. */
export function ownerOf({ definitions }: Part, unit: string): string {
  return definitions.find(({ meaning }) => meaning === 'function')?.name ?? unit;
}

/** `name[]`: a constant table whose length its initial values give is copied; what is declared needs a length. */
function isUnsized({ declaration }: StaticLocal): boolean {
  const tokens = tokensOf(headOf(declaration), false);
  return tokens.some(({ text }, index) => text === '[' && tokens[index + 1]?.text === ']');
}

/**
 * `EXPORT_SYMBOL(name)` and its like declare what they are about, and register it: the kernel has done that.
 */
function isRegistration({ item }: Part): boolean {
  const [first, second] = item.tokens;
  return (
    item.body < 0 &&
    second?.text === '(' &&
    /^(EXPORT_|ALLOW_ERROR_INJECTION|MODULE_|module_|early_param|__setup)/.test(first.text)
  );
}

const copyFromHeader: Fate = { kind: 'copy', why: 'the fix changes it in the header' };

function defines(part: Part, key: string): boolean {
  return part.definitions.some(
    (one) => one.key === key && (one.meaning === 'function' || one.meaning === 'variable'),
  );
}

/** A text up to a function's body, or without its initialisers: what its declaration needs. */
export function headOf(text: string): string {
  const tokens = tokensOf(text, false);
  let depth = 0;
  let hasTag = false;
  let out = '';
  let from = 0;
  let isSkipping = false;
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index];
    const { text: mark } = token;
    if (depth === 0 && /^(struct|union|enum)$/.test(mark)) hasTag = true;
    if (mark === '(' || mark === '[') depth++;
    else if (mark === ')' || mark === ']') depth--;
    else if (mark === '{') {
      if (depth === 0 && !isSkipping) {
        const previous = tokens[index - 1];
        // The brace of a structure stands behind its tag; that of a function behind its parameters or an attribute.
        if (!hasTag || previous?.text === ')') return out + text.slice(from, token.start);
      }
      depth++;
    } else if (mark === '}') depth--;
    else if (mark === '=' && depth === 0) {
      out += text.slice(from, token.start);
      isSkipping = true;
    } else if ((mark === ',' || mark === ';') && depth === 0 && isSkipping) {
      isSkipping = false;
      from = token.start;
    }
  }
  return isSkipping ? out : out + text.slice(from);
}
