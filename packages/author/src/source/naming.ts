import {
  argumentThatNames,
  declarationIn,
  definitionOf,
  hasPlainHead,
  headTokens,
  isPlainGlobal,
  isStatic,
  type Rename,
  renamed,
} from './declare.ts';
import { type Part, sourceOf } from './model.ts';
import { ownerOf } from './plan.ts';
import { type Token, tokensOf } from './tokens.ts';
import type { WriteInput } from './write.ts';

/** Begins the names of functions that replace the kernel's, and of copies. */
export const prefix = 'klpp_';

/** Begins names of the kernel's own functions where a header brings one of that name as well. */
export const kernelPrefix = 'klpk_';

/** What the names of a unit become in its file, and what must be declared where. */
export interface Naming {
  readonly renames: ReadonlyMap<string, Rename>;
  /** For functions that a macro makes: the argument that names them. */
  readonly arguments: ReadonlyMap<Part, string>;
  /** C functions by the names of those whose place they take. */
  readonly replacements: ReadonlyMap<string, string>;
  /** C names of static variables of functions, with the number in the plan. */
  readonly shared: ReadonlyMap<string, number>;
  /** The same by the function and the name in it. */
  readonly sharedRenames: ReadonlyMap<Part, ReadonlyMap<string, string>>;
  /** Declarations to be written before a part. */
  readonly before: ReadonlyMap<Part, readonly string[]>;
  /** Declarations to be written behind a part. */
  readonly behind: ReadonlyMap<Part, readonly string[]>;
  /** Functions of headers by the names of those of the kernel that pointers lead to. */
  readonly pointers: ReadonlyMap<string, string>;
}

/** Gives the names of a unit those that they have in its file. */
export function nameUnit(input: WriteInput): Naming {
  return new Namer(input).run();
}

class Namer {
  readonly #input: WriteInput;
  readonly #renames = new Map<string, Rename>();
  readonly #arguments = new Map<Part, string>();
  readonly #replacements = new Map<string, string>();
  readonly #shared = new Map<string, number>();
  readonly #sharedRenames = new Map<Part, Map<string, string>>();
  readonly #before = new Map<Part, string[]>();
  readonly #behind = new Map<Part, string[]>();
  readonly #pointers = new Map<string, string>();

  constructor(input: WriteInput) {
    this.#input = input;
  }

  run(): Naming {
    this.#nameFunctions();
    this.#nameShared();
    this.#placeDeclarations();
    this.#placePointers();
    return {
      renames: this.#renames,
      arguments: this.#arguments,
      replacements: this.#replacements,
      shared: this.#shared,
      sharedRenames: this.#sharedRenames,
      before: this.#before,
      behind: this.#behind,
      pointers: this.#pointers,
    };
  }

  #nameFunctions(): void {
    const { plan, text, nameOf } = this.#input;
    for (const [name, fate] of plan.functions) {
      if (fate.kind !== 'replace' && fate.kind !== 'copy') continue;
      const part = definitionOf(text, name);
      if (!part || plan.modes.get(part) !== 'text') continue;
      const argument = argumentThatNames(part, name);
      const isReplaced = fate.kind === 'replace';
      const only = isReplaced ? { only: 'calls' as const } : {};
      // A name that a macro puts together cannot be given another.
      if (!isReplaced && (this.#input.keepsName(name) || this.#isPasted(name))) continue;
      if (argument === undefined) this.#renames.set(name, { to: nameOf(name), ...only });
      if (fate.kind !== 'replace') continue;
      if (argument !== undefined && isStatic(part, name)) {
        // Its text may paste the argument into other names, so it keeps its own; the tables need one that is not static.
        this.#replacements.set(name, nameOf(name));
        this.#behind.set(part, [...(this.#behind.get(part) ?? []), aliasOf(name, nameOf(name))]);
        continue;
      }
      if (argument !== undefined) {
        this.#arguments.set(part, argument);
        this.#renames.set(name, { to: name.replace(argument, nameOf(argument)), ...only });
      }
      this.#replacements.set(name, (this.#renames.get(name) as Rename).to);
    }
  }

  #nameShared(): void {
    this.#input.plan.shared.forEach(({ part, local }, number) => {
      const owner = ownerOf(part, 'unit');
      const name = `${owner}_${local.name}`;
      this.#shared.set(name, number);
      const renames = this.#sharedRenames.get(part) ?? new Map<string, string>();
      renames.set(local.name, name);
      this.#sharedRenames.set(part, renames);
    });
  }

  /** Functions are declared before their first use, where the source does so if it does. */
  #placeDeclarations(): void {
    const { plan, text, isDeclared } = this.#input;
    for (const [name, fate] of plan.functions) {
      const definition = definitionOf(text, name);
      if (!definition) continue;
      const isReferred = fate.kind === 'refer';
      const users = plan.usersOf(name).filter((part) => part !== definition && plan.modes.has(part));
      const pointers =
        fate.kind === 'replace' &&
        (this.#input.keepsName(name) ||
          users.concat(definition).some((part) => this.#takesAddress(part, name)));
      const first = users[0];
      if (isReferred || pointers) {
        if (!isReferred || !isDeclared(name) || !isPlainGlobal(definition, name))
          if (!(pointers && isDeclared(name) && isPlainGlobal(definition, name)))
            this.#declare(
              this.#placeFor(name, first, definition),
              this.#declaration(definition, name, undefined),
            );
      }
      if (isReferred) continue;
      const rename = this.#renames.get(name);
      if (first && first.order < definition.order && !(fate.kind === 'new' && isDeclared(name)))
        this.#declare(
          this.#placeFor(name, first, definition),
          this.#declaration(
            definition,
            name,
            rename?.to ?? name,
            fate.kind === 'copy' || (fate.kind === 'new' && isStatic(definition, name)),
          ),
        );
    }
  }

  /** Functions that headers bring and the kernel has: who keeps a pointer must get one to the kernel's. */
  #placePointers(): void {
    const { pointed, plan } = this.#input;
    for (const name of pointed) {
      const [first] = [...plan.modes]
        .filter(
          ([part, mode]) => mode === 'text' && part.item.kind === 'code' && this.#takesAddress(part, name),
        )
        .map(([part]) => part)
        .sort((a, b) => a.order - b.order);
      if (!first) continue;
      const to = `${kernelPrefix}${name}`;
      this.#declare(first, `extern __typeof__(${name}) ${to};`);
      this.#renames.set(name, { to, only: 'pointers' });
      this.#pointers.set(to, name);
    }
  }

  /** The first declaration in the source when that comes before the first use, else the first use. */
  #placeFor(name: string, first: Part | undefined, definition: Part): Part {
    const declared = (this.#input.text.byKey.get(name) ?? []).find(
      (part) => part !== definition && part.order < definition.order,
    );
    const place = declared ?? definition;
    return first && first.order < place.order ? first : place;
  }

  #declare(part: Part, text: string): void {
    const list = this.#before.get(part);
    if (list) list.push(text);
    else this.#before.set(part, [text]);
  }

  #isPasted(name: string): boolean {
    const { plan } = this.#input;
    const macros = [...plan.modes.keys()].filter(({ macro }) => macro !== undefined);
    const isWritten = (part: Part) =>
      tokensOf(sourceOf(this.#input.text, part)).some((token) => words(token).includes(name));
    return (
      plan
        .usersOf(name)
        .some((part) => part.expanded !== '' && plan.modes.get(part) === 'text' && !isWritten(part)) &&
      !macros.some(isWritten)
    );
  }

  #takesAddress(part: Part, name: string): boolean {
    if (this.#input.plan.modes.get(part) !== 'text') return false;
    const tokens = tokensOf(sourceOf(this.#input.text, part));
    return tokens.some(({ text, kind }, index) => {
      const previous = tokens[index - 1]?.text;
      return (
        kind === 'name' &&
        text === name &&
        tokens[index + 1]?.text !== '(' &&
        previous !== '.' &&
        previous !== '->' &&
        !this.#isNaming(part, index, tokens)
      );
    });
  }

  /** The argument of the macro that makes the function. */
  #isNaming(part: Part, index: number, tokens: readonly Token[]): boolean {
    return this.#arguments.get(part) === tokens[index].text && index < part.item.body;
  }

  /** `extern int foo(int);`, or the declaration of a function of this file. */
  #declaration(part: Part, name: string, as: string | undefined, isCopy = false): string {
    const isMade = argumentThatNames(part, name) !== undefined || !hasPlainHead(part, name);
    const words = isMade
      ? declarationIn(part.expanded, name)
      : headTokens(
          part.item.tokens.slice(0, part.item.body),
          sourceOf(this.#input.text, part),
          part.item.start,
        );
    const text = (as === undefined ? words : renamed(words, new Map([[name, as]]))).trim();
    return isCopy ? `static ${text};` : as === undefined ? `extern ${text};` : `${text};`;
  }
}

/** Names in a token, which may be a directive. */
function words({ kind, text }: Token): string[] {
  if (kind === 'name') return [text];
  return kind === 'directive' ? tokensOf(text.slice(1), false).map((token) => token.text) : [];
}

/** Another name, not static, for a static function. */
function aliasOf(name: string, other: string): string {
  return `extern __typeof__(${name}) ${other} __attribute__((alias("${name}")));`;
}
