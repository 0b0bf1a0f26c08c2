import type { CallbackName } from './layout.ts';

/** A livepatch as data: `struct klp_patch` and what hangs on it (include/linux/livepatch.h). */
export interface LivepatchPlan {
  /** The module's name: `[A-Za-z0-9_]`, at most 55 characters, so that `/sys/kernel/livepatch/<name>` exists. */
  readonly name: string;
  /** Atomic replace: `klp_patch.replace`. */
  readonly replace: boolean;
  readonly objects: readonly PlannedObject[];
  /** `klp_patch.states`; absent: none. */
  readonly states?: readonly PlannedState[];
}

/** `struct klp_object`. */
export interface PlannedObject {
  /** `vmlinux` or a module's name with underscores. */
  readonly name: string;
  readonly functions: readonly PlannedFunction[];
  /** `klp_object.callbacks`, at most one of each kind; absent: none. */
  readonly callbacks?: readonly PlannedCallback[];
}

/** One member of `struct klp_callbacks`. */
export interface PlannedCallback {
  readonly kind: CallbackName;
  /** The GLOBAL symbol of its code. */
  readonly symbol: string;
}

/** `struct klp_state`. */
export interface PlannedState {
  /** Not 0, which ends the list. */
  readonly id: number;
  readonly version: number;
}

/** `struct klp_func`. */
export interface PlannedFunction {
  /** `klp_func.old_name`: the symbol in the running kernel, clone suffix and all. */
  readonly oldName: string;
  /** `klp_func.old_sympos`: 0 when unique, else counted from 1 as the kernel counts. */
  readonly sympos: number;
  /** The GLOBAL symbol of the extracted object at the new code: `__klpkit_new_<n>_<name>`. */
  readonly newSymbol: string;
}

/**
 * What a placeholder symbol stands for until the module is linked and seen by objtool and modpost.
 * A placeholder is an undefined GLOBAL symbol of the linked object; conversion turns it into `.klp.sym.<object>.<name>,<sympos>`
 * and moves its relocations to `.klp.rela.<patched>.<section>`.
 */
export interface Placeholder {
  /** Name of the undefined symbol in the object: `__klpkit_ref_3_kmalloc_caches`, or its natural name for `__SCT__…`, `__SCK__…`. */
  readonly symbol: string;
  /** `vmlinux`, or the module that owns the symbol. */
  readonly object: string;
  /** The symbol's name in that object. */
  readonly name: string;
  readonly sympos: number;
  /** The klp_object whose code makes the reference: `vmlinux` or a module. */
  readonly patched: string;
}
