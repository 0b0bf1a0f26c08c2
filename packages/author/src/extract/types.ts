import type { Comparison, Piece } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import type { Placeholder, PlannedCallback, PlannedFunction } from '@klpkit/livepatch';
import type { AnnotatedCallback } from '../annotations/index.ts';

/**
 * Where a symbol of the running kernel is reached from a livepatch.
 *
 * - `export`: an ordinary undefined symbol, resolved by the module loader;
 * - `klp`: a KLP relocation to the symbol number `sympos` of that name in `object`;
 * - `livepatch`: another unit of the same livepatch defines it;
 * - `unresolved`: it cannot be reached; `reason` says why, in words.
 */
export type Location =
  | { readonly kind: 'export' }
  | { readonly kind: 'klp'; readonly object: string; readonly name: string; readonly sympos: number }
  | { readonly kind: 'livepatch' }
  | { readonly kind: 'unresolved'; readonly reason: string; readonly next?: string };

/** What the extraction asks about the kernel at hand. */
export interface Resolver {
  /** How code of the livepatch reaches a function or variable of the unit's before object. */
  original(piece: Piece): Location;
  /** Name and position of a function of the before object, as `klp_func` needs them: never `export`. */
  position(piece: Piece): Location;
  /** A symbol that the unit refers to and another one defines. */
  external(name: string): Location;
  /** Functions that objtool knows by name as never returning (tools/objtool/noreturns.h): their references keep the name. */
  readonly noreturns: ReadonlySet<string>;
  /**
   * Why an indirect call must not lead to a function of the running kernel, in words; absent, or without an answer, it may. Asked for
   * every function whose address the livepatch takes.
   */
  readonly entryProblem?: (
    function_: { readonly piece: Piece } | { readonly name: string },
  ) => string | undefined;
  /** True when the kernel checks ENDBR instructions (CONFIG_X86_KERNEL_IBT): entries without one are declared to objtool. */
  readonly ibt: boolean;
}

/** What {@link extract} works on. */
export interface ExtractRequest {
  /** Source of the unit, for findings: `fs/namei.c`. */
  readonly unit: string;
  /** Makes the names of this unit's placeholders its own. */
  readonly number: number;
  /** The klp_object: `vmlinux` or a module with underscores. */
  readonly object: string;
  readonly comparison: Comparison;
  readonly resolver: Resolver;
  /** Global names that the other units of the livepatch use: what this unit adds of those is taken along. */
  readonly wanted?: ReadonlySet<string>;
  /** Callbacks that the unit has for its object: they are taken along, with what they need. */
  readonly callbacks?: readonly AnnotatedCallback[];
}

/** One patched function of an extraction. */
export interface ExtractedFunction extends PlannedFunction {
  readonly before: Piece;
  readonly after: Piece;
}

/** The part of a livepatch that one unit contributes. */
export interface Extraction {
  /** A relocatable object, before objtool; absent when there are errors or nothing changed. */
  readonly bytes?: Uint8Array;
  readonly functions: readonly ExtractedFunction[];
  /** In the order of the request. */
  readonly callbacks: readonly PlannedCallback[];
  /** Functions that only the livepatch has. */
  readonly added: readonly Piece[];
  /** Variables and constants that only the livepatch has; fresh copies of once-flags and the like count as `copied`. */
  readonly data: readonly { readonly piece: Piece; readonly copied: boolean }[];
  readonly placeholders: readonly Placeholder[];
  /** Exported symbols used, sorted. */
  readonly exports: readonly string[];
  /** Symbols that other units of this livepatch must define, sorted. */
  readonly needs: readonly string[];
  /** Global symbols that this unit adds and other units may use, sorted. */
  readonly provides: readonly string[];
  readonly findings: readonly Finding[];
}
