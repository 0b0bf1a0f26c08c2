import type { Finding } from '@klpkit/findings';
import type { ObjectModel, Piece } from '../model/model.ts';
import type { Tables } from '../model/tables.ts';

/** Why two pieces of the two objects were taken for the same thing. */
export type PairedBy = 'name' | 'stem' | 'use' | 'content';

/** Which piece of the before object is which of the after object. */
export interface Correlation {
  afterOf(before: Piece): Piece | undefined;
  beforeOf(after: Piece): Piece | undefined;
  pairedBy(after: Piece): PairedBy | undefined;
}

/** The first thing in which two versions of a function differ. */
export interface Difference {
  /**
   * - `code`: other instructions; `size`: one is longer and they agree up to the end of the shorter;
   * - `reference`: the same instruction refers to something else;
   * - `table`: an entry of a special section (an exception table, a jump label …) differs;
   * - `section`: it moved to another kind of section;
   * - `with`: the code is the same, and it must change with a piece that does (its cold part or its parent).
   */
  readonly kind: 'code' | 'size' | 'reference' | 'table' | 'section' | 'with';
  /** Bytes from the start of the function. */
  readonly offset: number;
  /** What stands there, in words: an instruction, a symbol, a string. */
  readonly before: string;
  readonly after: string;
}

/** What became of one function. */
export interface FunctionChange {
  readonly name: string;
  readonly status: 'same' | 'changed' | 'new' | 'removed';
  readonly before?: Piece;
  readonly after?: Piece;
  /** For a changed function. */
  readonly difference?: Difference;
  /** The function that a cold part belongs to. */
  readonly parent?: Piece;
}

/** What became of one variable, constant or registration section. */
export interface DataChange {
  readonly name: string;
  readonly status: 'changed' | 'new' | 'removed';
  readonly before?: Piece;
  readonly after?: Piece;
}

/** The result of a comparison. Findings are those that need no knowledge of the kernel. */
export interface Comparison {
  readonly before: ObjectModel;
  readonly after: ObjectModel;
  readonly beforeTables: Tables;
  readonly afterTables: Tables;
  readonly correlation: Correlation;
  readonly functions: readonly FunctionChange[];
  readonly data: readonly DataChange[];
  readonly findings: readonly Finding[];
  /** True when a variable gets a fresh copy in a livepatch: once-flags, lock classes, debug descriptors, unnamed constants. */
  isFresh(piece: Piece): boolean;
}
