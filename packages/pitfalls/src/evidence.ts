import type { Comparison, ObjectModel, Placement, ShippedSymbol } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import type { Btf, ElfFile } from '@klpkit/formats';
import type { KernelFacts, Livepatch } from '@klpkit/livepatch';

/** One translation unit of a fix, before and after, with everything that is known of it. */
export interface UnitEvidence {
  /** Source path in the kernel tree: `fs/namei.c`. */
  readonly unit: string;
  /** `vmlinux`, or the module that the unit is part of. */
  readonly object: string;
  /** Both objects, and what became of each function and variable. */
  readonly comparison: Comparison;
  /** What the compiler wrote into `.comment` of the before object, without the text around the version: `gcc 12.2.0`. */
  readonly compiler?: string;
  /** Where the compiler put each function, on both sides. */
  readonly placement?: { readonly before: Placement; readonly after: Placement };
  /** gcc's `.BTF` of both sides. */
  readonly types?: { readonly before: Uint8Array; readonly after: Uint8Array };
  /** What the fix changes in the text of the unit and its headers. */
  readonly edits?: readonly Edit[];
  readonly kernel?: KernelEvidence;
  /** What the steps themselves found in this unit. */
  readonly found: readonly Finding[];
}

/** A run of lines that the fix replaces. */
export interface Edit {
  /** Path in the kernel tree. */
  readonly path: string;
  /** First line of `added` on the after side, from 1. */
  readonly line: number;
  readonly removed: readonly string[];
  readonly added: readonly string[];
  /** The function or macro definition around the lines; absent outside of any. */
  readonly inside?: string;
}

/** A finished livepatch module. */
export interface LivepatchEvidence {
  /** As the user named it, without folders. */
  readonly file: string;
  /** Bytes of the `.ko`, decompressed. */
  readonly bytes: Uint8Array;
  readonly elf: ElfFile;
  readonly livepatch: Livepatch;
  /** The module as functions, variables and references; absent when the machine is not supported. */
  readonly model?: ObjectModel;
  readonly kernel?: KernelEvidence;
  /** Where the kernel's compiler put the replaced functions: made from the kernel's source on request. */
  readonly placement?: ReadonlyMap<string, Placement>;
  /** The livepatch that this one is to replace. */
  readonly older?: Livepatch;
  /** The code of {@link LivepatchEvidence.older}. */
  readonly olderModel?: ObjectModel | undefined;
  /** What the kernel's own rules say of it. */
  readonly found: readonly Finding[];
}

/** The kernel that a fix or a livepatch is for. Nothing here is asked unless a rule asks. */
export interface KernelEvidence {
  /** `6.12.117+deb12-amd64`. */
  readonly release: string;
  readonly facts: KernelFacts;
  /** The compiler that built it, as CONFIG_CC_VERSION_TEXT has it; the kernel's banner holds the same words. */
  readonly compiler?: string;
  /** Value of a configuration option: `y`, `m`, a number or a text; `undefined` when it is off. Absent when none is known. */
  config?(option: string): string | undefined;
  /** Symbols of that name in an object, in the order of sympos; `undefined` when the object is not known. */
  symbols(object: string, name: string): readonly ShippedSymbol[] | undefined;
  /** Names of an object that are `name` with a suffix: `name.isra.0`, `name.cold`, sorted. */
  relatives(object: string, name: string): readonly string[];
  /** Names at the same address, the given one excepted, sorted. */
  namesAt(object: string, name: string, sympos: number): readonly string[];
  /** The shipped machine code of a function, as far as the next symbol; `undefined` when it is not known. */
  code(object: string, name: string, sympos: number): Uint8Array | undefined;
  /** Names of what the shipped code of a function calls or jumps to directly, sorted; `undefined` when it is not known. */
  calls(object: string, name: string, sympos: number): readonly string[] | undefined;
  /** Types of the kernel itself; absent without BTF. */
  btf?(): Btf | undefined;
}

/** A piece of the livepatch that runs in place of a kernel function. */
export interface Replacement {
  readonly object: string;
  readonly oldName: string;
  readonly sympos: number;
  readonly newSymbol: string | undefined;
}

/** How {@link LivepatchEvidence.placement} names a replaced function. */
export function placementKey({ object, oldName, sympos }: Omit<Replacement, 'newSymbol'>): string {
  return `${object}:${oldName},${sympos}`;
}

/** All functions that a livepatch replaces, in the order of its tables. */
export function replacements({ patch }: Livepatch): Replacement[] {
  return (patch?.objects ?? []).flatMap((object) =>
    object.functions.map(({ oldName, sympos, newSymbol }) => ({
      object: object.isVmlinux ? 'vmlinux' : object.name,
      oldName,
      sympos,
      newSymbol,
    })),
  );
}
