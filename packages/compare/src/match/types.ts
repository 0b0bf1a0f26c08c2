import type { ElfFile, KernelSymbols } from '@klpkit/formats';
import type { ObjectModel, Piece } from '../model/model.ts';
import type { RelocationList } from './relocation-list.ts';

/** A kernel image to match against. Tables that matching needs are built once per `elf` and shared between units. */
export interface ShippedImage {
  /** The decompressed `vmlinux`. */
  readonly elf: ElfFile;
  readonly symbols: Pick<KernelSymbols, 'count' | 'name' | 'address' | 'type' | 'find'>;
  /**
   * Where the image holds absolute addresses: the second witness. Without it the list behind the ELF file is read,
   * and where there is none (a kernel that is not relocatable) there is no second witness.
   */
  readonly relocations?: RelocationList;
}

/** What matching may use beside the unit itself. */
export interface MatchOptions {
  /**
   * The same unit compiled with the kernel's own flags, without -ffunction-sections -fdata-sections. Functions that fail to match
   * are tried again with it: a few change with the flags alone.
   */
  readonly exact?: ObjectModel;
}

/**
 * What was found about a function:
 *
 * - `identical`: the shipped bytes are these, and every reference leads where this object's does.
 * - `jump-labels`: the same, but for jumps that objtool turned into nops at places that the object's own `__jump_table` lists.
 * - `jump-encoding`: the same instructions; jumps differ in the length of their encoding.
 * - `exact-flags`: identical (or so but for jump labels) when compiled without -ffunction-sections -fdata-sections.
 * - `weak-overridden`: a weak function of which the kernel has another's definition; this one is not in the kernel.
 * - `discarded`: in a section that the link of the kernel throws away.
 * - `different`: everything else; `difference` says what.
 */
export type Verdict =
  | 'identical'
  | 'jump-labels'
  | 'jump-encoding'
  | 'exact-flags'
  | 'weak-overridden'
  | 'discarded'
  | 'different';

/** Where a piece of the object is in the shipped kernel. */
export type Place =
  | {
      readonly kind: 'image';
      /** Signed link address; for per-CPU variables the offset in the per-CPU area, as in the kernel's own symbol table. */
      readonly address: number;
    }
  | {
      readonly kind: 'module';
      /** Section of the shipped module. */
      readonly section: number;
      readonly sectionName: string;
      /** Bytes from the start of the section. */
      readonly offset: number;
      /** Index in the shipped module's symbol table; `undefined` for a place that no symbol names. */
      readonly symbol: number | undefined;
    };

/** The first thing that tells the shipped function from this object's. */
export interface MatchDifference {
  /** Bytes from the function's start, in this object. */
  readonly offset: number;
  /**
   * `missing`: no symbol of that name; `size`: another length; `bytes`: other code; `target`: a reference leads elsewhere;
   * `relocation`: a relocation on one side only; `symbol`: another symbol starts inside.
   */
  readonly what: 'missing' | 'size' | 'bytes' | 'target' | 'relocation' | 'symbol';
  /** In words, for readers: the instruction, the name or the number that this object has there. */
  readonly expected: string;
  /** The same of the shipped kernel. */
  readonly found: string;
  /** This object's instruction at `offset`. */
  readonly instruction: string | undefined;
  /** Where in the shipped kernel the comparison was made. */
  readonly at: Place | undefined;
}

/** What became of one function of the unit in the shipped code. */
export interface FunctionMatch {
  readonly piece: Piece;
  readonly name: string;
  readonly verdict: Verdict;
  /** Jump-label sites that objtool turned into nops. */
  readonly jumpLabels: number;
  /** References whose target was compared. */
  readonly targetsChecked: number;
  /** For `different`. */
  readonly difference: MatchDifference | undefined;
  /** Where it is; also absent when equal functions of one name could not be told apart (see {@link UnitMatch.whereIs}). */
  readonly place: Place | undefined;
}

/** An answer, or why there is none. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

/** How a livepatch names a symbol: `klp_func.old_sympos`, and the number in `.klp.sym.<object>.<name>,<sympos>`. */
export interface Position {
  readonly name: string;
  /** 0 when the name is unique in its object, else counted from 1 in the order in which the kernel searches. */
  readonly sympos: number;
  readonly unique: boolean;
}

/** A unit's object beside the kernel or module that was shipped. */
export interface UnitMatch {
  /** Every function of the object, in its order. */
  readonly functions: readonly FunctionMatch[];
  readonly counts: Readonly<Record<Verdict, number>>;
  /** Where a function or variable of the object is in the shipped kernel: that very one, not one of its name. */
  placeOf(piece: Piece): Place | undefined;
  /** {@link placeOf} with the reason when the place is not proven. */
  whereIs(piece: Piece): Answer<Place>;
  /** Where an undefined symbol of the object leads, when that is in the image or in the same module. */
  externalPlace(name: string): Answer<Place>;
  /** How a livepatch has to name a function or variable of the object. */
  positionOf(piece: Piece): Answer<Position>;
  /** How a livepatch has to name an undefined symbol of the object. */
  externalPosition(name: string): Answer<Position>;
}
