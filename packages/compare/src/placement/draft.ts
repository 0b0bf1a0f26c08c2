import { FormatError } from '@klpkit/formats';
import type { FunctionPlacement, InlinedCopy, Placement, Witness } from './types.ts';

/** What is gathered of one function. */
interface Draft {
  readonly symbols: Set<string>;
  readonly by: Set<Witness>;
  /** By the function that holds the copies. */
  readonly copies: Map<
    string,
    { readonly chains: Map<string, readonly string[]>; readonly by: Set<Witness> }
  >;
  readonly clones: Map<string, { readonly kind: string; readonly by: Set<Witness> }>;
  readonly folded: Map<string, Set<Witness>>;
  readonly callers: Map<string, { readonly name: string; readonly symbol: string }>;
  declared?: FunctionPlacement['declared'];
  isSpeciallyCalled?: true;
}

/** All chains of an object together have fewer names than this; real units have some ten thousand. */
const mostNames = 1 << 20;

/** The part of a symbol that the source knows: C names have no dots, what compilers append begins with one. */
export function sourceName(symbol: string): string {
  const dot = symbol.indexOf('.', 1);
  return dot < 0 ? symbol : symbol.slice(0, dot);
}

/** `isra` of `foo.isra.0`; undefined for a name of the source. */
export function cloneKind(symbol: string): string | undefined {
  return /^[^.]+\.(?:.*\.)?([A-Za-z_]\w*)(?:\.\d+)*$/.exec(symbol)?.[1];
}

/** Gathers what the witnesses say. */
export class Drafts {
  readonly #all = new Map<string, Draft>();
  #names = 0;

  of(name: string): Draft {
    let draft = this.#all.get(name);
    if (!draft) {
      draft = {
        symbols: new Set(),
        by: new Set(),
        copies: new Map(),
        clones: new Map(),
        folded: new Map(),
        callers: new Map(),
      };
      this.#all.set(name, draft);
    }
    return draft;
  }

  clone(symbol: string, kind: string, by: Witness): void {
    const { clones } = this.of(sourceName(symbol));
    const known = clones.get(symbol);
    if (known) known.by.add(by);
    else clones.set(symbol, { kind, by: new Set([by]) });
  }

  fold(one: string, other: string, by: readonly Witness[]): void {
    for (const [name, twin] of [
      [one, other],
      [other, one],
    ]) {
      const { folded } = this.of(name);
      const known = folded.get(twin);
      if (known) for (const witness of by) known.add(witness);
      else folded.set(twin, new Set(by));
    }
  }

  /** Counts names of chains that are looked at. @throws {FormatError} when there are more than any compiler makes */
  spend(names: number, by: Witness): void {
    this.#names += names;
    if (this.#names > mostNames)
      throw new FormatError(`${by}: the chains of inlined calls have more than ${mostNames} names`);
  }

  /**
   * A copy of `name` in `into`. A witness of single steps (`isExact` false) confirms the chains that are known and adds its own only
   * where there is none.
   *
   * @throws {FormatError} when the chains of the object add up to more than any compiler makes
   */
  copy(name: string, into: string, chain: readonly string[], by: Witness, isExact: boolean): void {
    const { copies } = this.of(name);
    let known = copies.get(into);
    if (known) known.by.add(by);
    else {
      known = { chains: new Map(), by: new Set([by]) };
      copies.set(into, known);
    }
    if (known.chains.size > 0 && !isExact) return;
    this.spend(chain.length + 1, by);
    known.chains.set(chain.join(' '), chain);
  }

  finish(witnesses: ReadonlySet<Witness>): Placement {
    const names = [...this.#all.keys()].sort();
    return {
      witnesses: sorted(witnesses),
      functions: new Map(names.map((name) => [name, finishOne(name, this.of(name))] as const)),
    };
  }
}

function finishOne(name: string, draft: Draft): FunctionPlacement {
  const { declared, isSpeciallyCalled } = draft;
  const inlined: InlinedCopy[] = [];
  for (const into of [...draft.copies.keys()].sort()) {
    const copies = draft.copies.get(into);
    const by = sorted(copies?.by ?? []);
    // What one twin holds of the other came by the folding; the source calls neither from the other. Without DWARF it may.
    for (const key of [...(copies?.chains.keys() ?? [])].sort())
      if (key !== '' || !draft.folded.get(into)?.has('dwarf'))
        inlined.push({ into, chain: copies?.chains.get(key) ?? [], by });
  }
  return {
    name,
    symbols: sorted(draft.symbols),
    inlined,
    by: sorted(draft.by),
    clones: [...draft.clones.keys()].sort().map((symbol) => {
      const clone = draft.clones.get(symbol);
      return {
        symbol,
        kind: clone?.kind ?? '',
        hasCode: draft.symbols.has(symbol),
        by: sorted(clone?.by ?? []),
      };
    }),
    folded: [...draft.folded.keys()]
      .sort()
      .map((twin) => ({ name: twin, by: sorted(draft.folded.get(twin) ?? []) })),
    callers: [...draft.callers.keys()].sort().flatMap((key) => draft.callers.get(key) ?? []),
    ...(declared ? { declared } : {}),
    ...(isSpeciallyCalled ? { isSpeciallyCalled } : {}),
  };
}

function sorted<T extends string>(items: Iterable<T>): T[] {
  return [...items].sort();
}
