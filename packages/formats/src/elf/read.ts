import { FormatError } from '../error.ts';
import { hex } from '../hex.ts';
import { SHF, SHN, SHT } from './constants.ts';

/** One entry of the section header table. Numbers are as in the file; `address` is signed (see {@link ElfFile}). */
export interface Section {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entsize: number;
}

/** One entry of the program header table. */
export interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

/**
 * An ELF64 file as read. Addresses are plain numbers, signed: `address - 2^64` for those of the kernel,
 * so that 0xffffffff81000000 is -0x7f000000 and every kernel address is exact in a double.
 */
export interface ElfFile {
  /** The whole file. One of {@link readElfParts} is read whole when this or `view` is asked for. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** In a file of {@link readElfParts}: some bytes of it, without reading the rest. */
  readonly part?: (start: number, end: number) => Uint8Array;
  readonly littleEndian: boolean;
  readonly type: number;
  readonly machine: number;
  readonly flags: number;
  readonly entry: number;
  readonly sections: readonly Section[];
  readonly segments: readonly Segment[];
}

/** A symbol table: arrays share one index, that of the file. */
export interface SymbolTable {
  readonly count: number;
  name(index: number): string;
  readonly value: Float64Array;
  readonly size: Float64Array;
  readonly type: Uint8Array;
  readonly binding: Uint8Array;
  readonly other: Uint8Array;
  /** Section index with SHN_XINDEX resolved; the other reserved values stay as they are. */
  readonly section: Uint32Array;
  /** 1 where `section` is a reserved value (ABS, COMMON, LIVEPATCH …) rather than an index. */
  readonly reserved: Uint8Array;
}

/** Relocations of one SHT_RELA section in file order; arrays share one index. */
export interface RelaTable {
  readonly count: number;
  /** Bytes from the start of the target section. */
  readonly offset: Float64Array;
  readonly type: Uint32Array;
  readonly symbol: Uint32Array;
  readonly addend: Float64Array;
}

/** No name in a kernel object comes near this; without a bound, names that overlap would cost quadratic time. */
const longestName = 8192;

function u64(view: DataView, at: number, little: boolean): number {
  const low = view.getUint32(little ? at : at + 4, little);
  const high = view.getUint32(little ? at + 4 : at, little);
  return high * 0x100000000 + low;
}

function s64(view: DataView, at: number, little: boolean): number {
  const low = view.getUint32(little ? at : at + 4, little);
  const high = view.getInt32(little ? at + 4 : at, little);
  return high * 0x100000000 + low;
}

/** The NUL-terminated string at `at`, byte for byte (Latin-1); an unterminated one ends with the table. */
function cstring(bytes: Uint8Array, at: number): string {
  let name = '';
  for (let index = at; index < bytes.length && bytes[index] !== 0; index++) {
    if (index - at === longestName)
      throw new FormatError(
        `elf: the name at ${hex(at)} of its string table is longer than ${longestName} bytes`,
      );
    name += String.fromCharCode(bytes[index]);
  }
  return name;
}

/**
 * Reads the headers of an ELF64 file. Bytes behind the file's own (a module signature, the kernel's relocation list) are accepted.
 *
 * @throws {FormatError} when a header or a section lies outside the file, naming both numbers
 * @see ELF gABI, "ELF Header", "Sections"
 */
export function readElf(bytes: Uint8Array): ElfFile {
  return {
    bytes,
    view: viewOf(bytes),
    ...readHeaders(bytes.length, (start, end) => bytes.subarray(start, end)),
  };
}

/**
 * {@link readElf} for a large file of which little may be asked: reads the headers now, sections when their bytes are asked for, and
 * all of it when somebody takes `bytes` or `view`. Parts are kept.
 *
 * @param length of the file in bytes
 * @param read gives the bytes from `start` up to `end`, which lie within the file
 */
export function readElfParts(length: number, read: (start: number, end: number) => Uint8Array): ElfFile {
  const parts = new Map<string, Uint8Array>();
  let whole: Pick<ElfFile, 'bytes' | 'view'> | undefined;
  const all = () => {
    if (!whole) {
      const bytes = read(0, length);
      whole = { bytes, view: viewOf(bytes) };
      parts.clear();
    }
    return whole;
  };
  return {
    ...readHeaders(length, read),
    get bytes() {
      return all().bytes;
    },
    get view() {
      return all().view;
    },
    part(start, end) {
      if (whole) return whole.bytes.subarray(start, end);
      const key = `${start} ${end}`;
      const known = parts.get(key) ?? read(start, end);
      parts.set(key, known);
      return known;
    },
  };
}

type Headers = Omit<ElfFile, 'bytes' | 'view' | 'part'>;

function readHeaders(length: number, read: (start: number, end: number) => Uint8Array): Headers {
  if (length < 64) throw new FormatError(`elf: the header needs 64 bytes, the file has ${length}`);
  const bytes = read(0, 64);
  if (bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) {
    const found = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw new FormatError(`elf: expected the magic 7f 45 4c 46 at offset 0, found ${found}`);
  }
  if (bytes[4] !== 2) throw new FormatError(`elf: class ${bytes[4]} at offset 4, only 2 (64-bit) is read`);
  if (bytes[5] !== 1 && bytes[5] !== 2)
    throw new FormatError(`elf: data encoding ${bytes[5]} at offset 5, expected 1 or 2`);
  const little = bytes[5] === 1;
  const view = viewOf(bytes);
  const shoff = u64(view, 40, little);
  const shentsize = view.getUint16(58, little);
  let shnum = view.getUint16(60, little);
  let shstrndx = view.getUint16(62, little);
  const base = {
    littleEndian: little,
    type: view.getUint16(16, little),
    machine: view.getUint16(18, little),
    flags: view.getUint32(48, little),
    entry: s64(view, 24, little),
    segments: readSegments(view, length, little, read),
  };
  if (shoff === 0) return { ...base, sections: [] };
  if (shentsize !== 64) throw new FormatError(`elf: section headers of ${shentsize} bytes, expected 64`);
  if (shoff + 64 > length)
    throw new FormatError(
      `elf: the section header table starts at ${hex(shoff)}, the file ends at ${hex(length)}`,
    );
  // With 0xff00 sections or more the true numbers are in the first header.
  const first = viewOf(read(shoff, shoff + 64));
  if (shnum === 0) shnum = u64(first, 32, little);
  if (shstrndx === SHN.XINDEX) shstrndx = first.getUint32(40, little);
  if (shoff + shnum * 64 > length)
    throw new FormatError(
      `elf: ${shnum} section headers end at ${hex(shoff + shnum * 64)}, the file at ${hex(length)}`,
    );
  if (shstrndx >= shnum)
    throw new FormatError(`elf: the section name table is number ${shstrndx}, there are ${shnum} sections`);
  const table = viewOf(read(shoff, shoff + shnum * 64));
  const stringsOffset = u64(table, shstrndx * 64 + 24, little);
  const stringsSize = u64(table, shstrndx * 64 + 32, little);
  if (stringsOffset + stringsSize > length)
    throw new FormatError(
      `elf: section ${shstrndx} (section names) ends at ${hex(stringsOffset + stringsSize)}, the file at ${hex(length)}`,
    );
  const strings = read(stringsOffset, stringsOffset + stringsSize);
  const sections: Section[] = [];
  for (let index = 0; index < shnum; index++) {
    const at = index * 64;
    const nameAt = table.getUint32(at, little);
    if (nameAt > strings.length)
      throw new FormatError(
        `elf: the name of section ${index} is at ${nameAt}, the name table has ${strings.length} bytes`,
      );
    const section: Section = {
      index,
      name: cstring(strings, nameAt),
      type: table.getUint32(at + 4, little),
      flags: u64(table, at + 8, little),
      address: s64(table, at + 16, little),
      offset: u64(table, at + 24, little),
      size: u64(table, at + 32, little),
      link: table.getUint32(at + 40, little),
      info: table.getUint32(at + 44, little),
      align: u64(table, at + 48, little),
      entsize: u64(table, at + 56, little),
    };
    if (section.type !== SHT.NOBITS && section.type !== SHT.NULL && section.offset + section.size > length)
      throw new FormatError(
        `elf: section ${index} (${section.name}) ends at ${hex(section.offset + section.size)}, the file at ${hex(length)}`,
      );
    if (section.size > Number.MAX_SAFE_INTEGER)
      throw new FormatError(`elf: section ${index} (${section.name}) claims ${section.size} bytes`);
    sections.push(section);
  }
  return { ...base, sections };
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

function readSegments(
  header: DataView,
  fileSize: number,
  little: boolean,
  read: (start: number, end: number) => Uint8Array,
): Segment[] {
  const phoff = u64(header, 32, little);
  const phentsize = header.getUint16(54, little);
  const phnum = header.getUint16(56, little);
  if (phoff === 0 || phnum === 0) return [];
  if (phentsize !== 56) throw new FormatError(`elf: program headers of ${phentsize} bytes, expected 56`);
  if (phoff + phnum * 56 > fileSize)
    throw new FormatError(
      `elf: ${phnum} program headers end at ${hex(phoff + phnum * 56)}, the file at ${hex(fileSize)}`,
    );
  const view = viewOf(read(phoff, phoff + phnum * 56));
  const segments: Segment[] = [];
  for (let at = 0; at < phnum * 56; at += 56) {
    segments.push({
      type: view.getUint32(at, little),
      flags: view.getUint32(at + 4, little),
      offset: u64(view, at + 8, little),
      address: s64(view, at + 16, little),
      fileSize: u64(view, at + 32, little),
      memorySize: u64(view, at + 40, little),
    });
  }
  return segments;
}

/** The bytes of a section, a view into the file; empty for SHT_NOBITS. */
export function sectionBytes(elf: ElfFile, section: Section): Uint8Array {
  if (section.type === SHT.NOBITS || section.type === SHT.NULL) return new Uint8Array(0);
  const [start, end] = [section.offset, section.offset + section.size];
  return elf.part ? elf.part(start, end) : elf.bytes.subarray(start, end);
}

/** `length` bytes of a section, from `from` on, and fewer at its end; {@link sectionBytes} for a little of a large one. */
export function sectionPart(elf: ElfFile, section: Section, from: number, length: number): Uint8Array {
  if (section.type === SHT.NOBITS || section.type === SHT.NULL) return new Uint8Array(0);
  const limit = section.offset + section.size;
  const start = Math.min(section.offset + Math.max(0, from), limit);
  const end = Math.min(start + length, limit);
  return elf.part ? elf.part(start, end) : elf.bytes.subarray(start, end);
}

/** The first section of that name. */
export function findSection(elf: ElfFile, name: string): Section | undefined {
  return elf.sections.find((section) => section.name === name);
}

/**
 * Reads a symbol table; without `section` the file's SHT_SYMTAB, or an empty table when there is none.
 *
 * @throws {FormatError} for a size that is no multiple of 24, a bad string table, a section index that does not exist
 * @see ELF gABI, "Symbol Table"
 */
export function readSymbols(elf: ElfFile, section?: Section): SymbolTable {
  const table = section ?? elf.sections.find((candidate) => candidate.type === SHT.SYMTAB);
  if (!table) return emptySymbols;
  if (table.type !== SHT.SYMTAB && table.type !== SHT.DYNSYM)
    throw new FormatError(
      `elf: section ${table.index} (${table.name}) has type ${table.type}, which is no symbol table`,
    );
  if (table.size % 24 !== 0)
    throw new FormatError(
      `elf: section ${table.index} (${table.name}) has ${table.size} bytes, no multiple of 24`,
    );
  const strings = elf.sections[table.link];
  if (!strings || strings.type !== SHT.STRTAB)
    throw new FormatError(
      `elf: section ${table.index} (${table.name}) links to section ${table.link}, which is no string table`,
    );
  const names = sectionBytes(elf, strings);
  const count = table.size / 24;
  const { view, littleEndian: little } = elf;
  const extended = elf.sections.find(
    (candidate) => candidate.type === SHT.SYMTAB_SHNDX && candidate.link === table.index,
  );
  if (extended && extended.size < count * 4)
    throw new FormatError(
      `elf: section ${extended.index} (${extended.name}) has ${extended.size} bytes, ${count} symbols need ${count * 4}`,
    );
  const nameAt = new Uint32Array(count);
  const value = new Float64Array(count);
  const size = new Float64Array(count);
  const type = new Uint8Array(count);
  const binding = new Uint8Array(count);
  const other = new Uint8Array(count);
  const sectionOf = new Uint32Array(count);
  const reserved = new Uint8Array(count);
  for (let index = 0, at = table.offset; index < count; index++, at += 24) {
    nameAt[index] = view.getUint32(at, little);
    if (nameAt[index] > names.length)
      throw new FormatError(
        `elf: the name of symbol ${index} is at ${nameAt[index]}, the string table has ${names.length} bytes`,
      );
    const info = view.getUint8(at + 4);
    type[index] = info & 15;
    binding[index] = info >> 4;
    other[index] = view.getUint8(at + 5);
    let shndx = view.getUint16(at + 6, little);
    if (shndx === SHN.XINDEX) {
      if (!extended)
        throw new FormatError(
          `elf: symbol ${index} has an extended section index, the file has no SHT_SYMTAB_SHNDX`,
        );
      shndx = view.getUint32(extended.offset + index * 4, little);
    } else if (shndx >= SHN.LORESERVE) reserved[index] = 1;
    if (!reserved[index] && shndx >= elf.sections.length)
      throw new FormatError(`elf: symbol ${index} is in section ${shndx}, there are ${elf.sections.length}`);
    sectionOf[index] = shndx;
    value[index] = s64(view, at + 8, little);
    size[index] = u64(view, at + 16, little);
  }
  const cache: (string | undefined)[] = [];
  return {
    count,
    name(index) {
      const known = cache[index];
      if (known !== undefined) return known;
      const name = cstring(names, nameAt[index]);
      cache[index] = name;
      return name;
    },
    value,
    size,
    type,
    binding,
    other,
    section: sectionOf,
    reserved,
  };
}

const emptySymbols: SymbolTable = {
  count: 0,
  name: () => '',
  value: new Float64Array(0),
  size: new Float64Array(0),
  type: new Uint8Array(0),
  binding: new Uint8Array(0),
  other: new Uint8Array(0),
  section: new Uint32Array(0),
  reserved: new Uint8Array(0),
};

/**
 * Reads the relocations of one SHT_RELA section.
 *
 * @throws {FormatError} when the section is no SHT_RELA or its size no multiple of 24
 * @see ELF gABI, "Relocation"
 */
export function readRela(elf: ElfFile, section: Section): RelaTable {
  if (section.type !== SHT.RELA)
    throw new FormatError(
      `elf: section ${section.index} (${section.name}) has type ${section.type}, expected ${SHT.RELA} (RELA)`,
    );
  if (section.size % 24 !== 0)
    throw new FormatError(
      `elf: section ${section.index} (${section.name}) has ${section.size} bytes, no multiple of 24`,
    );
  const count = section.size / 24;
  const offset = new Float64Array(count);
  const type = new Uint32Array(count);
  const symbol = new Uint32Array(count);
  const addend = new Float64Array(count);
  const words = wordsOf(elf, section);
  // Where each half of a number of 64 bits is.
  const [low, high] = elf.littleEndian ? [0, 1] : [1, 0];
  for (let index = 0, at = 0; index < count; index++, at += 6) {
    offset[index] = words[at + high] * 0x100000000 + words[at + low];
    type[index] = words[at + 2 + low];
    symbol[index] = words[at + 2 + high];
    addend[index] = (words[at + 4 + high] | 0) * 0x100000000 + words[at + 4 + low];
  }
  return { count, offset, type, symbol, addend };
}

/** A section as numbers of 32 bits: a copy, since a section need not begin at a multiple of 4. Faster than a DataView, where there are many. */
function wordsOf(elf: ElfFile, section: Section): Uint32Array {
  const bytes = new Uint8Array(sectionBytes(elf, section));
  const words = new Uint32Array(bytes.buffer, 0, bytes.length >> 2);
  if (elf.littleEndian !== isHostLittle) {
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < words.length; index++)
      words[index] = view.getUint32(index * 4, elf.littleEndian);
  }
  return words;
}

const isHostLittle = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** True for sections that are loaded with the code: those with SHF_ALLOC. */
export function isAllocated(section: Section): boolean {
  return (section.flags & SHF.ALLOC) !== 0;
}
