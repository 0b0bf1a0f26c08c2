import type { Finding } from '@klpkit/findings';
import type { Livepatch } from '../read-types.ts';

/** One of two livepatches, and what its code shows. */
export interface UpgradeSide {
  readonly livepatch: Livepatch;
  /** Its shadow variables, by id; absent when its code is not read. */
  readonly shadows?: readonly ShadowUse[];
  /** Functions that it replaces and in which a task may sleep; absent when its code is not read. */
  readonly waiting?: readonly WaitingFunction[];
}

/** What a livepatch does with the shadow variables of one id. */
export interface ShadowUse {
  readonly id: bigint;
  /** Bytes that it asks for, ascending; empty when it makes none or the size is not known. */
  readonly sizes: readonly bigint[];
  readonly allocates: boolean;
  /** True for `klp_shadow_get()`, and for a call that makes one unless it is there. */
  readonly reads: boolean;
  readonly frees: boolean;
}

/** A replaced function whose new code calls what puts the caller to sleep. */
export interface WaitingFunction {
  readonly object: string;
  /** `klp_func.old_name`. */
  readonly name: string;
  /** What it calls, sorted. */
  readonly calls: readonly string[];
}

/** What the kernel makes of the attempt to enable the newer livepatch while the older one is enabled. */
export interface Upgrade {
  /**
   * - `replaces`: the newer takes over and the older is removed;
   * - `stacks`: both stay enabled, the newer on top;
   * - `refused`: the newer cannot be enabled as long as the older is.
   */
  readonly outcome: 'replaces' | 'stacks' | 'refused';
  /** Names of the modules; empty when a file has none. */
  readonly older: string;
  readonly newer: string;
  /** Objects that either patches: vmlinux first, then by name. */
  readonly objects: readonly UpgradedObject[];
  /** By object, then by name. */
  readonly functions: readonly UpgradedFunction[];
  /** By id. */
  readonly states: readonly UpgradedState[];
  /** Those of the older first. */
  readonly callbacks: readonly UpgradedCallback[];
  /** By id; ids that only one of two unread codes may have are not here. */
  readonly shadows: readonly UpgradedShadow[];
  readonly findings: readonly Finding[];
}

/** Which of the two has something. */
export type Change = 'kept' | 'added' | 'dropped';

/** A patched object of the two livepatches. */
export interface UpgradedObject {
  readonly name: string;
  readonly change: Change;
}

/** A function that either livepatch replaces. */
export interface UpgradedFunction {
  readonly object: string;
  readonly name: string;
  readonly sympos: number;
  readonly change: Change;
  /** Whose code runs once the transition is complete. */
  readonly runs: 'newer' | 'older' | 'kernel';
}

/** A `klp_state` of either livepatch, with the versions; a missing one is absent. */
export interface UpgradedState {
  readonly id: number;
  readonly older?: number;
  readonly newer?: number;
  /** False when it makes the kernel refuse the newer one. */
  readonly isCompatible: boolean;
}

/** A callback of either livepatch. */
export interface UpgradedCallback {
  readonly of: 'older' | 'newer';
  readonly object: string;
  /** `pre_patch`, `post_patch`, `pre_unpatch` or `post_unpatch`. */
  readonly name: string;
  /** When it runs, as of the upgrade: it has run, it runs at once, when its livepatch is disabled later, or never. */
  readonly runs: 'ran' | 'now' | 'when-disabled' | 'never';
}

/** Shadow variables of one id. */
export interface UpgradedShadow {
  readonly id: bigint;
  readonly older?: ShadowUse;
  readonly newer?: ShadowUse;
}
