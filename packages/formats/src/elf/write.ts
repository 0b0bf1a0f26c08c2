import { EM, ET, SHF, SHN, SHT, STB, STT } from './constants.ts';

/** A section for {@link layoutElf}, with all its numbers final. */
export interface RawSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly data: Uint8Array;
  /** Size in memory; only for SHT_NOBITS, elsewhere that of `data`. */
  readonly size?: number;
  readonly address?: number;
  readonly link?: number;
  readonly info?: number;
  readonly align?: number;
  readonly entsize?: number;
}

const encoder = new TextEncoder();

/** A string table under construction: equal strings share one place; offset 0 is the empty string. */
export class StringTable {
  readonly #at = new Map<string, number>([['', 0]]);
  readonly #parts: Uint8Array[] = [new Uint8Array(1)];
  #size = 1;

  /** Where `text` is, adding it when it is new. Latin-1 bytes are kept as they are. */
  add(text: string): number {
    const known = this.#at.get(text);
    if (known !== undefined) return known;
    const at = this.#size;
    const part = new Uint8Array(text.length + 1);
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > 255) throw new RangeError(`elf: the name ${text} has a character above 255`);
      part[index] = code;
    }
    this.#parts.push(part);
    this.#size += part.length;
    this.#at.set(text, at);
    return at;
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.#size);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

function setU64(view: DataView, at: number, value: number, little: boolean): void {
  view.setBigInt64(at, BigInt(value), little);
}

/** The header's fields that {@link layoutElf} needs beside the sections. */
export interface ElfHeader {
  readonly type: number;
  readonly machine: number;
  readonly flags?: number;
  readonly littleEndian?: boolean;
}

/**
 * Writes an ELF64 file: header, sections in the given order with their alignment, `.shstrtab`, section headers.
 *
 * `sections` holds neither the null section nor `.shstrtab`; `link` and `info` count the null section as 0, so that the first of
 * `sections` is 1.
 */
export function layoutElf(header: ElfHeader, sections: readonly RawSection[]): Uint8Array {
  const little = header.littleEndian ?? true;
  const names = new StringTable();
  const nameAt = sections.map((section) => names.add(section.name));
  const ownName = names.add('.shstrtab');
  const strings: RawSection = {
    name: '.shstrtab',
    type: SHT.STRTAB,
    flags: 0,
    data: names.bytes(),
    align: 1,
  };
  const all = [...sections, strings];
  let end = 64;
  const offsets = all.map((section) => {
    const align = Math.max(1, section.align ?? 1);
    end = Math.ceil(end / align) * align;
    const offset = end;
    if (section.type !== SHT.NOBITS) end += section.data.length;
    return offset;
  });
  const headersAt = Math.ceil(end / 8) * 8;
  const count = all.length + 1;
  const bytes = new Uint8Array(headersAt + count * 64);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, little ? 1 : 2, 1, 0]);
  view.setUint16(16, header.type, little);
  view.setUint16(18, header.machine, little);
  view.setUint32(20, 1, little);
  setU64(view, 40, headersAt, little);
  view.setUint32(48, header.flags ?? 0, little);
  view.setUint16(52, 64, little);
  view.setUint16(58, 64, little);
  // gABI: numbers that do not fit are kept in the null section's header.
  const large = count >= SHN.LORESERVE;
  view.setUint16(60, large ? 0 : count, little);
  view.setUint16(62, large ? SHN.XINDEX : count - 1, little);
  if (large) {
    setU64(view, headersAt + 32, count, little);
    view.setUint32(headersAt + 40, count - 1, little);
  }
  all.forEach((section, index) => {
    if (section.type !== SHT.NOBITS) bytes.set(section.data, offsets[index]);
    const at = headersAt + (index + 1) * 64;
    view.setUint32(at, index < nameAt.length ? nameAt[index] : ownName, little);
    view.setUint32(at + 4, section.type, little);
    setU64(view, at + 8, section.flags, little);
    setU64(view, at + 16, section.address ?? 0, little);
    setU64(view, at + 24, offsets[index], little);
    setU64(view, at + 32, section.type === SHT.NOBITS ? (section.size ?? 0) : section.data.length, little);
    view.setUint32(at + 40, section.link ?? 0, little);
    view.setUint32(at + 44, section.info ?? 0, little);
    setU64(view, at + 48, section.align ?? 1, little);
    setU64(view, at + 56, section.entsize ?? 0, little);
  });
  return bytes;
}

/** A relocation of {@link ObjectSection}; `symbol` is an index into the symbols given to {@link writeObject}. */
export interface ObjectRelocation {
  readonly offset: number;
  readonly type: number;
  readonly symbol: number;
  readonly addend: number;
}

/** A section of a relocatable object. */
export interface ObjectSection {
  readonly name: string;
  readonly type?: number;
  readonly flags: number;
  readonly data: Uint8Array;
  readonly size?: number;
  readonly align?: number;
  readonly entsize?: number;
  /** For SHF_LINK_ORDER: index into `sections`. */
  readonly linkOrder?: number;
  readonly relocations?: readonly ObjectRelocation[];
}

/** A symbol of a relocatable object; `section` is an index into `sections`, or `undefined` for an undefined symbol. */
export interface ObjectSymbol {
  readonly name: string;
  readonly section?: number | undefined;
  /** Instead of a section: a reserved index such as SHN_ABS. */
  readonly reserved?: number;
  readonly value?: number;
  readonly size?: number;
  readonly type?: number;
  readonly binding?: number;
  readonly other?: number;
}

/**
 * Writes a relocatable ELF64 object: the sections, a relocation section behind each that has relocations, `.symtab` (locals first, as
 * the gABI demands), SHT_SYMTAB_SHNDX where there are too many sections, `.strtab`, `.shstrtab`.
 */
export function writeObject(object: {
  readonly machine?: number;
  readonly sections: readonly ObjectSection[];
  readonly symbols: readonly ObjectSymbol[];
}): Uint8Array {
  const { sections, symbols } = object;
  const isLocal = (symbol: ObjectSymbol) => (symbol.binding ?? STB.LOCAL) === STB.LOCAL;
  const order = symbols.map((_, index) => index);
  order.sort((a, b) => Number(!isLocal(symbols[a])) - Number(!isLocal(symbols[b])) || a - b);
  const newIndex = new Uint32Array(symbols.length);
  order.forEach((old, index) => {
    newIndex[old] = index + 1;
  });
  const finalIndex: number[] = [];
  let next = 1;
  for (const section of sections) {
    finalIndex.push(next);
    next += section.relocations?.length ? 2 : 1;
  }
  const symtabIndex = next;
  const needsExtended = symtabIndex >= SHN.LORESERVE;
  const strtabIndex = symtabIndex + (needsExtended ? 2 : 1);
  const raw: RawSection[] = [];
  sections.forEach((section, index) => {
    raw.push({
      name: section.name,
      type: section.type ?? SHT.PROGBITS,
      flags: section.flags,
      data: section.data,
      size: section.size ?? section.data.length,
      align: section.align ?? 1,
      entsize: section.entsize ?? 0,
      link: section.linkOrder === undefined ? 0 : finalIndex[section.linkOrder],
    });
    const relocations = section.relocations;
    if (!relocations?.length) return;
    const data = new Uint8Array(relocations.length * 24);
    const view = new DataView(data.buffer);
    relocations.forEach((relocation, number) => {
      setU64(view, number * 24, relocation.offset, true);
      view.setUint32(number * 24 + 8, relocation.type, true);
      view.setUint32(number * 24 + 12, newIndex[relocation.symbol], true);
      setU64(view, number * 24 + 16, relocation.addend, true);
    });
    raw.push({
      name: `.rela${section.name}`,
      type: SHT.RELA,
      flags: SHF.INFO_LINK,
      data,
      align: 8,
      entsize: 24,
      link: symtabIndex,
      info: finalIndex[index],
    });
  });
  const names = new StringTable();
  const table = new Uint8Array((symbols.length + 1) * 24);
  const view = new DataView(table.buffer);
  const extended = new Uint8Array((symbols.length + 1) * 4);
  const extendedView = new DataView(extended.buffer);
  order.forEach((old, position) => {
    const symbol = symbols[old];
    const at = (position + 1) * 24;
    view.setUint32(at, names.add(symbol.name), true);
    view.setUint8(at + 4, ((symbol.binding ?? STB.LOCAL) << 4) | (symbol.type ?? STT.NOTYPE));
    view.setUint8(at + 5, symbol.other ?? 0);
    let shndx = symbol.reserved ?? (symbol.section === undefined ? SHN.UNDEF : finalIndex[symbol.section]);
    if (symbol.reserved === undefined && shndx >= SHN.LORESERVE) {
      extendedView.setUint32((position + 1) * 4, shndx, true);
      shndx = SHN.XINDEX;
    }
    view.setUint16(at + 6, shndx, true);
    setU64(view, at + 8, symbol.value ?? 0, true);
    setU64(view, at + 16, symbol.size ?? 0, true);
  });
  const locals = symbols.filter(isLocal).length + 1;
  raw.push({
    name: '.symtab',
    type: SHT.SYMTAB,
    flags: 0,
    data: table,
    align: 8,
    entsize: 24,
    link: strtabIndex,
    info: locals,
  });
  if (needsExtended)
    raw.push({
      name: '.symtab_shndx',
      type: SHT.SYMTAB_SHNDX,
      flags: 0,
      data: extended,
      align: 4,
      entsize: 4,
      link: symtabIndex,
    });
  raw.push({ name: '.strtab', type: SHT.STRTAB, flags: 0, data: names.bytes(), align: 1 });
  return layoutElf({ type: ET.REL, machine: object.machine ?? EM.X86_64 }, raw);
}

/** Bytes of a NUL-terminated string, for tests and small sections. */
export function cstringBytes(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}
