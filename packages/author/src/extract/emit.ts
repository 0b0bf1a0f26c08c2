import {
  type ObjectRelocation,
  type ObjectSymbol,
  SHF,
  SHN,
  SHT,
  STB,
  STT,
  writeObject,
} from '@klpkit/formats';

/** A place in an object under construction. */
export interface OutPlace {
  /** Index of the section within the builder. */
  readonly section: number;
  /** Bytes from the start of the section. */
  readonly offset: number;
}

/** What a relocation of the new object refers to. */
export interface OutReference {
  /** Index of the symbol within the builder. */
  readonly symbol: number;
  readonly addend: number;
}

interface OutSection {
  readonly name: string;
  readonly flags: number;
  readonly type: number;
  readonly align: number;
  readonly parts: Uint8Array[];
  size: number;
  readonly relocations: ObjectRelocation[];
}

/** A relocatable object under construction. Sections and symbols are numbered in the order in which they are added. */
export class ObjectBuilder {
  readonly #sections: OutSection[] = [];
  readonly #symbols: ObjectSymbol[] = [];
  readonly #sectionSymbols: number[] = [];
  readonly #shared = new Map<string, number>();
  readonly #literals = new Map<string, OutPlace>();
  #absolute: number | undefined;

  /** A section of its own with this content; `size` alone for SHT_NOBITS. The bytes may be changed until {@link write}. */
  addSection(draft: {
    readonly name: string;
    readonly flags: number;
    readonly align: number;
    readonly bytes: Uint8Array | undefined;
    readonly size: number;
  }): number {
    return this.#section({
      name: draft.name,
      flags: draft.flags,
      type: draft.bytes ? SHT.PROGBITS : SHT.NOBITS,
      align: Math.max(1, draft.align),
      parts: draft.bytes ? [draft.bytes] : [],
      size: draft.size,
      relocations: [],
    });
  }

  /** Appends to the section of that name which several contributions share. */
  append(name: string, flags: number, align: number, bytes: Uint8Array): OutPlace {
    let section = this.#shared.get(name);
    if (section === undefined) {
      section = this.#section({
        name,
        flags,
        type: SHT.PROGBITS,
        align,
        parts: [],
        size: 0,
        relocations: [],
      });
      this.#shared.set(name, section);
    }
    const out = this.#sections[section];
    const padding = (align - (out.size % align)) % align;
    if (padding) out.parts.push(new Uint8Array(padding));
    const offset = out.size + padding;
    out.parts.push(bytes);
    out.size = offset + bytes.length;
    return { section, offset };
  }

  /**
   * A string or constant by content, once each. Literals lose the linker's merging: a PC-relative reference into a merged section
   * is ambiguous.
   */
  literal(bytes: Uint8Array, isString: boolean, align: number): OutPlace {
    const key = `${isString ? 's' : 'c'}${align}:${bytes.join(',')}`;
    const known = this.#literals.get(key);
    if (known) return known;
    const name = isString ? `.rodata.klpkit_str${align}` : `.rodata.klpkit_cst${align}`;
    const place = this.append(name, SHF.ALLOC, align, bytes);
    this.#literals.set(key, place);
    return place;
  }

  addSymbol(symbol: ObjectSymbol): number {
    this.#symbols.push(symbol);
    return this.#symbols.length - 1;
  }

  /** Names of the undefined symbols, in order. */
  undefinedNames(): string[] {
    return this.#symbols
      .filter((symbol) => symbol.section === undefined && symbol.reserved === undefined)
      .map((symbol) => symbol.name);
  }

  relocate(place: OutPlace, type: number, to: OutReference): void {
    this.#sections[place.section].relocations.push({ offset: place.offset, type, ...to });
  }

  /** Refers to a place of this object; `addend` is added to it. */
  refer(place: OutPlace, addend: number): OutReference {
    return { symbol: this.#sectionSymbols[place.section], addend: place.offset + addend };
  }

  referAbsolute(value: number): OutReference {
    this.#absolute ??= this.addSymbol({ name: '', reserved: SHN.ABS, binding: STB.LOCAL });
    return { symbol: this.#absolute, addend: value };
  }

  write(): Uint8Array {
    return writeObject({
      sections: this.#sections.map(({ parts, ...section }) => ({
        ...section,
        data: joined(parts),
        entsize: 0,
      })),
      symbols: this.#symbols,
    });
  }

  #section(section: OutSection): number {
    this.#sections.push(section);
    const index = this.#sections.length - 1;
    this.#sectionSymbols[index] = this.addSymbol({
      name: '',
      section: index,
      type: STT.SECTION,
      binding: STB.LOCAL,
    });
    return index;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
