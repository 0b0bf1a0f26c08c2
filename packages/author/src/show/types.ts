import type { ConfigFact } from '@klpkit/kernel';
import type { Livepatch } from '@klpkit/livepatch';

/** A section as `klpkit show` tells of it. */
export interface ShownSection {
  readonly name: string;
  /** `code`, `data`, `constants`, `zeroes`, `table`, … in words. */
  readonly kind: string;
  readonly size: number;
}

/** A section of entries that the kernel reads beside the code. */
export interface ShownTable {
  readonly section: string;
  /** What an entry stands for. */
  readonly what: string;
  readonly entries: number;
}

/** A function of a relocatable file. */
export interface ShownFunction {
  readonly name: string;
  readonly size: number;
  readonly isGlobal: boolean;
  readonly section: string;
}

/** What is told of every relocatable file. */
interface ShownRelocatable {
  readonly file: string;
  readonly bytes: number;
  readonly machine: string;
  readonly functions: readonly ShownFunction[];
  readonly sections: readonly ShownSection[];
  readonly tables: readonly ShownTable[];
  /** Symbols that are wanted from elsewhere, sorted. */
  readonly imports: readonly string[];
  /** Symbols that others may use, sorted. */
  readonly exports: readonly string[];
}

/** A compiled object before it is a module. */
export interface ShownObject extends ShownRelocatable {
  readonly kind: 'object';
}

/** A module that is no livepatch. */
export interface ShownModule extends ShownRelocatable {
  readonly kind: 'module';
  readonly name: string;
  readonly info: readonly { readonly key: string; readonly value: string }[];
  readonly isSigned: boolean;
}

/** A livepatch. */
export interface ShownLivepatch extends Omit<ShownModule, 'kind'> {
  readonly kind: 'livepatch';
  /** Undefined when no tables are found in its data: they are made at run time. */
  readonly replace: boolean | undefined;
  readonly objects: readonly {
    readonly name: string;
    readonly functions: readonly {
      readonly name: string;
      readonly sympos: number;
      readonly new: string | undefined;
      /** Bytes of the new code. */
      readonly size: number | undefined;
    }[];
    readonly callbacks: readonly { readonly kind: string; readonly symbol: string }[];
  }[];
  readonly states: readonly { readonly id: number; readonly version: number }[];
  /** Shadow variables whose id can be told from the code. */
  readonly shadows: readonly {
    /** In decimal. */
    readonly id: string;
    readonly sizes: readonly string[];
    readonly allocates: boolean;
    readonly reads: boolean;
    readonly frees: boolean;
  }[];
  readonly relocations: readonly {
    readonly user: string;
    readonly section: string;
    readonly offset: number;
    readonly size: number | undefined;
    /** The table beside the code whose entry it is. */
    readonly table?: string;
    readonly use: 'call' | 'jump' | 'refer';
    readonly object: string | undefined;
    readonly name: string | undefined;
    readonly sympos: number | undefined;
    readonly patched: string | undefined;
    readonly words: string;
  }[];
  readonly livepatch: Livepatch;
}

/** A kernel image. */
export interface ShownKernel {
  readonly kind: 'kernel';
  readonly file: string;
  readonly bytes: number;
  readonly release: string;
  readonly banner: string;
  /** `vmlinux` for a plain ELF file, else what the image is packed with. */
  readonly packing: string;
  readonly symbols: {
    readonly count: number;
    readonly functions: number;
    readonly variables: number;
    /** Names that several functions have. */
    readonly sharedNames: number;
    readonly exports: number;
  };
  /** Undefined for a kernel without types. */
  readonly types:
    | { readonly count: number; readonly structures: number; readonly functions: number }
    | undefined;
  /** What the image itself tells of whether and how it can be livepatched. */
  readonly facts: readonly { readonly what: string; readonly value: string; readonly isGood: boolean }[];
  /** Options that matter to livepatching; absent when the cache has no kernel of that release. */
  readonly config?: readonly ConfigFact[];
}

/** What a file is. */
export type Shown = ShownObject | ShownModule | ShownLivepatch | ShownKernel;
