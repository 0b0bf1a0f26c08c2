import {
  type ElfFile,
  FormatError,
  isAllocated,
  type RelaTable,
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

/** The pointers in the data of a relocatable file. What nobody asks for is not looked up: most relocations are those of code. */
export class Pointers {
  readonly #elf: ElfFile;
  readonly #symbols: SymbolTable;
  readonly #bySection = new Map<number, RelaTable>();
  /** Numbers of relocations by the offset of the pointer, for each section that was asked about. */
  readonly #byOffset = new Map<number, Map<number, number>>();
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
      const beyond = rela.symbol.findIndex((symbol) => symbol >= symbols.count);
      if (beyond >= 0)
        throw new FormatError(
          `livepatch: relocation ${beyond} of ${section.name} uses symbol ${rela.symbol[beyond]}, there are ${symbols.count}`,
        );
      this.#bySection.set(target.index, rela);
    }
  }

  /** Every place with a pointer to a symbol that is `wanted`, section by section, in the order of the relocations. */
  *to(wanted: (symbol: Pick<Target, 'symbol' | 'section'>) => boolean): Generator<At> {
    const isWanted: (boolean | undefined)[] = [];
    for (const [index, rela] of this.#bySection) {
      const section = this.#elf.sections[index];
      for (const [number, symbol] of rela.symbol.entries()) {
        isWanted[symbol] ??= wanted(this.#target(symbol, 0));
        if (isWanted[symbol]) yield { section, offset: rela.offset[number] };
      }
    }
  }

  /** What the pointer at a place leads to; `undefined` when there is none: NULL, or a plain number. */
  at({ section, offset }: At, more = 0): Target | undefined {
    const rela = this.#bySection.get(section.index);
    if (!rela) return undefined;
    let byOffset = this.#byOffset.get(section.index);
    if (!byOffset) {
      byOffset = new Map();
      for (let number = 0; number < rela.count; number++) byOffset.set(rela.offset[number], number);
      this.#byOffset.set(section.index, byOffset);
    }
    const number = byOffset.get(offset + more);
    return number === undefined ? undefined : this.#target(rela.symbol[number], rela.addend[number]);
  }

  #target(symbol: number, addend: number): Target {
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
