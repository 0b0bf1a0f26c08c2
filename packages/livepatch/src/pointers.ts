import {
  type ElfFile,
  FormatError,
  isAllocated,
  readRela,
  type Section,
  SHF,
  SHN,
  SHT,
  STB,
  STT,
  type SymbolTable,
  sectionBytes,
} from '@klpkit/formats';

/** Where a relocated pointer leads: into a section of the file, or to a symbol that it does not define. */
export interface Target {
  readonly section: Section | undefined;
  /** Bytes from the start of `section`. */
  readonly offset: number;
  /** The symbol of the relocation; empty for that of a section. */
  readonly symbol: string;
}

/** A place in a section. */
export interface At {
  readonly section: Section;
  readonly offset: number;
}

/** The pointers in the data of a relocatable file. */
export class Pointers {
  readonly #elf: ElfFile;
  readonly #symbols: SymbolTable;
  readonly #bySection = new Map<number, Map<number, { symbol: number; addend: number }>>();
  #names: Map<string, { name: string; global: boolean }> | undefined;
  #sizes: Map<string, number> | undefined;

  constructor(elf: ElfFile, symbols: SymbolTable) {
    this.#elf = elf;
    this.#symbols = symbols;
    for (const section of elf.sections) {
      const target = elf.sections[section.info];
      const isKlp = (section.flags & SHF.RELA_LIVEPATCH) !== 0;
      if (section.type !== SHT.RELA || isKlp || !target || !isAllocated(target)) continue;
      const rela = readRela(elf, section);
      const map = new Map<number, { symbol: number; addend: number }>();
      for (let index = 0; index < rela.count; index++) {
        if (rela.symbol[index] >= symbols.count)
          throw new FormatError(
            `livepatch: relocation ${index} of ${section.name} uses symbol ${rela.symbol[index]}, there are ${symbols.count}`,
          );
        map.set(rela.offset[index], { symbol: rela.symbol[index], addend: rela.addend[index] });
      }
      this.#bySection.set(target.index, map);
    }
  }

  /** Every place with a pointer, section by section, in the order of the relocations. */
  *all(): Generator<At & { readonly target: Target }> {
    for (const [index, map] of this.#bySection) {
      const section = this.#elf.sections[index];
      for (const [offset, relocation] of map) yield { section, offset, target: this.#target(relocation) };
    }
  }

  /** What the pointer at a place leads to; `undefined` when there is none: NULL, or a plain number. */
  at({ section, offset }: At, more = 0): Target | undefined {
    const relocation = this.#bySection.get(section.index)?.get(offset + more);
    return relocation && this.#target(relocation);
  }

  #target({ symbol, addend }: { symbol: number; addend: number }): Target {
    const symbols = this.#symbols;
    const index = symbols.reserved[symbol] ? SHN.UNDEF : symbols.section[symbol];
    return {
      section: index === SHN.UNDEF ? undefined : this.#elf.sections[index],
      offset: symbols.value[symbol] + addend,
      symbol: symbols.name(symbol),
    };
  }

  /** The text that a pointer leads to; `undefined` when it leads to none, or to one longer than 1023 bytes. */
  text(target: Target | undefined): string | undefined {
    if (!target?.section) return undefined;
    const bytes = sectionBytes(this.#elf, target.section);
    if (target.offset < 0 || target.offset >= bytes.length) return undefined;
    const part = bytes.subarray(target.offset, target.offset + 1024);
    const end = part.indexOf(0);
    return end < 0 ? undefined : String.fromCharCode(...part.subarray(0, end));
  }

  /** Name of the symbol at a target: the GLOBAL one where there are several. */
  symbolAt(target: Target): string | undefined {
    if (!target.section) return target.symbol || undefined;
    this.#names ??= this.#collectNames();
    return this.#names.get(place(target.section.index, target.offset))?.name;
  }

  /** Bytes of the variable that begins at a target, the largest where there are several; `undefined` when no symbol says. */
  sizeAt({ section, offset }: Target): number | undefined {
    this.#sizes ??= this.#collectSizes();
    return section && this.#sizes.get(place(section.index, offset));
  }

  #collectSizes(): Map<string, number> {
    const sizes = new Map<string, number>();
    const symbols = this.#symbols;
    for (let index = 1; index < symbols.count; index++) {
      if (symbols.type[index] !== STT.OBJECT || symbols.reserved[index] || symbols.size[index] === 0)
        continue;
      const key = place(symbols.section[index], symbols.value[index]);
      sizes.set(key, Math.max(sizes.get(key) ?? 0, symbols.size[index]));
    }
    return sizes;
  }

  #collectNames(): Map<string, { name: string; global: boolean }> {
    const names = new Map<string, { name: string; global: boolean }>();
    const symbols = this.#symbols;
    for (let index = 1; index < symbols.count; index++) {
      const name = symbols.name(index);
      if (symbols.reserved[index] || symbols.section[index] === SHN.UNDEF || name === '') continue;
      const key = place(symbols.section[index], symbols.value[index]);
      const global = symbols.binding[index] !== STB.LOCAL;
      const known = names.get(key);
      if (!known || (global && !known.global)) names.set(key, { name, global });
    }
    return names;
  }
}

const place = (section: number, offset: number) => `${section}+${offset}`;
