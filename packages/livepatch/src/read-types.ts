/** What a livepatch module holds, read back from its file. */
export interface Livepatch {
  /** `e_machine` of the file. */
  readonly machine: number;
  /** Name of the module, of `.modinfo`; empty when it has none. */
  readonly name: string;
  readonly vermagic: string | undefined;
  readonly license: string | undefined;
  /** Value of the `livepatch` tag, which should be `Y`; `undefined` for a module that is not marked. */
  readonly mark: string | undefined;
  /**
   * The tables that the module's init enables, out of its data or, where the init makes them at run time, out of the sections of
   * kpatch-build and klp-build. `undefined` when none are found.
   */
  readonly patch: LivepatchTables | undefined;
  readonly klpSections: readonly KlpSection[];
  readonly klpRelocations: readonly KlpRelocation[];
  /** Symbols that the module wants from elsewhere, in file order. */
  readonly undefinedSymbols: readonly { readonly name: string; readonly weak: boolean }[];
  /** Symbols in SHN_COMMON, which the module loader refuses. */
  readonly commonSymbols: readonly string[];
  /** False for a file without symbol table, which no livepatch can do without. */
  readonly hasSymbols: boolean;
  /** CRCs of the imported symbols that the module was built against. */
  readonly versions: ReadonlyMap<string, number>;
}

/** `struct klp_patch`. */
export interface LivepatchTables {
  readonly replace: boolean;
  readonly objects: readonly LivepatchObject[];
  /** `struct klp_state`. */
  readonly states: readonly { readonly id: number; readonly version: number }[];
  /** Arrays (`objs`, `states`, `funcs of NAME`) that run to the end of their variable or section without the empty element that ends them. */
  readonly unterminated: readonly string[];
  /** Arrays, named in the same way, whose pointer leads out of the module's data. */
  readonly astray: readonly string[];
}

/** `struct klp_object`. */
export interface LivepatchObject {
  /** The module as it is written in the file; `vmlinux` where the kernel has NULL. */
  readonly name: string;
  /** True for the entry without a name. A string `vmlinux` is a module that never comes. */
  readonly isVmlinux: boolean;
  readonly functions: readonly LivepatchFunction[];
  /** Callbacks by their names in the structure: `pre_patch`, …; the value is the function's symbol. */
  readonly callbacks: ReadonlyMap<string, string>;
}

/** `struct klp_func`. */
export interface LivepatchFunction {
  /** Empty when the entry has none. */
  readonly oldName: string;
  readonly sympos: number;
  /** Symbol of the new code: the GLOBAL one if there are several; `undefined` when the entry has no new function or no symbol is there. */
  readonly newSymbol: string | undefined;
  /** False when `new_func` is NULL. */
  readonly hasNew: boolean;
}

/** A section with SHF_RELA_LIVEPATCH, or with a name that begins with `.klp.rela.`. */
export interface KlpSection {
  readonly name: string;
  /** The patched object in its name; `undefined` for a malformed one. */
  readonly object: string | undefined;
  readonly type: number;
  readonly flags: number;
  /** True when `sh_link` is the symbol table. */
  readonly linksToSymbols: boolean;
  /** Name of the section that it relocates; `undefined` when `sh_info` names none. */
  readonly target: string | undefined;
  readonly targetIsLoaded: boolean;
}

/** One relocation of a {@link KlpSection}. */
export interface KlpRelocation {
  readonly section: string;
  /** The patched object; `undefined` for a malformed section name. */
  readonly patchedObject: string | undefined;
  /** The symbol as it is called in the file. */
  readonly symbol: string;
  /** True when the symbol's section index is SHN_LIVEPATCH. */
  readonly isMarked: boolean;
  /** Parts of the symbol's name; `undefined` for a malformed one. */
  readonly symbolObject: string | undefined;
  readonly name: string | undefined;
  readonly sympos: number | undefined;
  /** Name of the section that is written to. */
  readonly target: string;
  readonly offset: number;
  readonly type: number;
  readonly typeName: string;
  readonly addend: number;
  /** Bytes that are written; `undefined` for a type that the module loader does not know. */
  readonly size: number | undefined;
  /** True when these bytes are zero in the file, as the kernel demands. */
  readonly isZero: boolean;
}
