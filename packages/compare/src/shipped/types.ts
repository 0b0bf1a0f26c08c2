import type { ElfFile, KernelSymbols, SymbolTable } from '@klpkit/formats';

/** A kernel image that is unpacked and read. */
export interface SymbolizedImage {
  readonly elf: ElfFile;
  /** Every symbol of kallsyms: static ones too. */
  readonly symbols: KernelSymbols;
}

/** A module as it is shipped, read. */
export interface SymbolizedModule {
  readonly elf: ElfFile;
  readonly symbols: SymbolTable;
  /** Indices of the defined symbols of a name, in the order of `.symtab`, which is that of sympos. */
  find(name: string): readonly number[];
}

/** One symbol of the shipped kernel. */
export interface ShippedSymbol {
  readonly name: string;
  /** Address in vmlinux (signed), offset in its section in a module. */
  readonly address: number;
  /** nm's letter: `t` for a static function, `T` for a global one. */
  readonly type: string;
}

/** One shipped object, asked by name. `sympos` 0 stands for the only one. */
export interface ShippedObject {
  /** In the order of sympos. */
  symbols(name: string): ShippedSymbol[];
  /** Names that are `name` with a suffix: `name.isra.0`, `name.cold`, sorted. */
  relatives(name: string): string[];
  /** Names at the same address, the given one excepted, sorted. */
  namesAt(name: string, sympos: number): string[];
  /** The machine code of a function, as far as the next symbol. */
  code(name: string, sympos: number): Uint8Array | undefined;
  /** Names of what a function calls or jumps to directly, sorted. */
  calls(name: string, sympos: number): string[] | undefined;
}

/** Which of several symbols of one name a sympos stands for, counted from 0. */
export const placeOf = (sympos: number): number => Math.max(1, sympos) - 1;
