/**
 * Who saw what the compiler did: the symbols and relocations of the object, its debug information, gcc's `-fdump-ipa-clones`, or
 * clang's `-fsave-optimization-record`.
 */
export type Witness = 'elf' | 'dwarf' | 'ipa-clones' | 'clang-remarks';

/** A copy of a function's body inside the code of another. */
export interface InlinedCopy {
  /** Source-level name of the out-of-line function that holds the copy. */
  readonly into: string;
  /** Functions between, from the callee outwards; empty when it was inlined directly. */
  readonly chain: readonly string[];
  /**
   * Who says that `into` holds a copy, sorted. The chain is that of the most exact of them: DWARF knows each copy; gcc's dump and
   * clang's remarks know single steps, which are joined to the shortest chain, and may name a caller whose copy of the step between
   * lost it.
   */
  readonly by: readonly Witness[];
}

/** Where the code of one function of the source went. */
export interface FunctionPlacement {
  /** Source-level name. */
  readonly name: string;
  /** ELF symbols with its code, sorted: `foo`, `foo.isra.0`, `foo.part.0`, `foo.cold`, `foo.constprop.0`. Empty for none of its own. */
  readonly symbols: readonly string[];
  /** Sorted by `into`, then by the chain. */
  readonly inlined: readonly InlinedCopy[];
  /** The witnesses that know the function at all, sorted. */
  readonly by: readonly Witness[];
  /** Clones that the compiler made of it, also those that were inlined away or removed, by symbol. */
  readonly clones: readonly FunctionClone[];
  /** Functions whose code is the same bytes at the same place, or that share its body by what gcc's dump says; sorted. */
  readonly folded: readonly FoldedTwin[];
  /** Out-of-line functions (source-level names) that refer to its symbols: calls, jumps, addresses taken; sorted. */
  readonly callers: readonly OutOfLineCaller[];
  /**
   * Where it is defined, by DWARF, else by gcc's dump; the path as the compiler was given it. `isInline` says whether the source
   * declares it `inline`; absent where no DWARF tells, and false of all that clang made, whose DWARF does not say.
   */
  readonly declared?: { readonly file: string; readonly line: number; readonly isInline?: boolean };
  /** DWARF marks it DW_CC_nocall: the compiler changed how arguments are passed (clang, dead arguments). */
  readonly isSpeciallyCalled?: true;
}

/** A specialised copy or a split-off part of a function. */
export interface FunctionClone {
  /** `foo.constprop.0`. */
  readonly symbol: string;
  /** As the compiler names it: `isra`, `constprop`, `part`, `cold`, or another suffix. */
  readonly kind: string;
  /** False when no code of its own is left of it. */
  readonly hasCode: boolean;
  readonly by: readonly Witness[];
}

/** Another function with the same body. */
export interface FoldedTwin {
  readonly name: string;
  readonly by: readonly Witness[];
}

/** A function whose code refers to another. */
export interface OutOfLineCaller {
  readonly name: string;
  /** The symbol that is referred to: `foo` or `foo.part.0`. */
  readonly symbol: string;
}

/** Where the compiler put each function of one object, joined from all witnesses at hand. */
export interface Placement {
  /** The witnesses that were heard, sorted; `elf` is always among them. */
  readonly witnesses: readonly Witness[];
  /** By source-level name, sorted. */
  readonly functions: ReadonlyMap<string, FunctionPlacement>;
}

/** What {@link readPlacement} can take beside the object. */
export interface MoreWitnesses {
  /** The text of gcc's `-fdump-ipa-clones`. */
  readonly ipaClones?: string | undefined;
  /** The text of clang's `-fsave-optimization-record`, in YAML. */
  readonly remarks?: string | undefined;
}
