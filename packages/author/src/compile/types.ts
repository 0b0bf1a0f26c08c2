import type { Finding } from '@klpkit/findings';
import type { Unit } from '@klpkit/kernel';
import type { Overlay } from '../overlay/index.ts';

/** Which version of a unit is compiled: `exact` is before with the kernel's own flags alone. */
export type Side = 'before' | 'after' | 'exact';

/** One compilation. */
export interface Compilation {
  readonly unit: Unit;
  readonly side: Side;
  /** The view of the source that the after side is compiled from. */
  readonly overlay?: Overlay | undefined;
  /** Give the object with debug information as well, which changes no byte of any function. */
  readonly debug?: boolean;
}

/** An object file, with what it was made of. */
export interface CompiledUnit {
  readonly unit: Unit;
  readonly side: Side;
  readonly bytes: Uint8Array;
  /** BTF of the unit, for the comparison of layouts; made of its debug information where the compiler writes none. */
  readonly types: Uint8Array;
  /** The same object with its debug information, when that was asked for. */
  readonly debug?: Uint8Array;
  /**
   * What gcc inlined and cloned, as `-fdump-ipa-clones` writes it, with paths of the tree; absent for another compiler, and for an
   * object without debug information out of a cache from before it was kept.
   */
  readonly ipaClones?: string | undefined;
  /** Files of the kernel tree that went in, relative to it, sorted. */
  readonly dependencies: readonly string[];
  /** Those of them that were opened by a way up, as the compiler opened them: `kernel/../lib/x.h`. */
  readonly ways: readonly string[];
  /** Wall time of the compiler in milliseconds; 0 when it was not started. */
  readonly ms: number;
  readonly cached: boolean;
  /** Set on an after side that reads no changed file: it is the before side, and was not compiled. */
  readonly isBefore?: true;
}

/** A unit that does not compile. */
export interface FailedUnit {
  readonly unit: Unit;
  readonly side: Side;
  readonly finding: Finding;
}
