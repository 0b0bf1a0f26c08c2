import { EM, R_X86_64, SHF, SHT } from '../elf/constants.ts';
import {
  type ElfFile,
  findSection,
  readRela,
  readSymbols,
  type Section,
  type SymbolTable,
  sectionBytes,
} from '../elf/read.ts';
import { FormatError } from '../error.ts';
import { Cursor } from './cursor.ts';

/** A place in the code of an object: a section and bytes from its start. */
export interface CodePlace {
  /** Index in the object's section table. */
  readonly section: number;
  readonly offset: number;
}

/**
 * The debug sections of one object with their relocations applied.
 *
 * An object that is not linked has no addresses, so its allocated sections are laid out here one behind the other, with gaps;
 * `placeOf` leads back from such an address.
 */
export interface DebugSections {
  readonly elf: ElfFile;
  /** A cursor at the start of a debug section, or `undefined` when the object has none of that name. */
  open(name: string): Cursor | undefined;
  /** A cursor at `offset` of a debug section, which the caller needs: for `what`. */
  at(name: string, offset: number, what: string): Cursor;
  /** The string at `offset` of .debug_str or .debug_line_str. */
  stringAt(name: string, offset: number): string;
  /** Section and offset of an address; the end of a section counts as in it. `undefined` where no section is. */
  placeOf(address: number): CodePlace | undefined;
}

/** Far enough from zero that a field without relocation is no address, and sections far enough apart that ends do not touch. */
const firstAddress = 0x10000;
const gap = 0x1000;

/** @throws {FormatError} for a machine whose relocations are not known, or compressed debug sections */
export function openDebugSections(elf: ElfFile): DebugSections {
  const bases = new Float64Array(elf.sections.length);
  const allocated: Section[] = [];
  let next = firstAddress;
  for (const section of elf.sections) {
    if ((section.flags & SHF.ALLOC) === 0 || section.type === SHT.NULL) continue;
    bases[section.index] = next;
    allocated.push(section);
    next = Math.ceil((next + section.size + gap) / 16) * 16;
  }
  const opened = new Map<string, Cursor | undefined>();
  let symbols: SymbolTable | undefined;

  const whole = (name: string): Cursor | undefined => {
    if (opened.has(name)) return opened.get(name);
    const section = findSection(elf, name);
    let cursor: Cursor | undefined;
    if (section) {
      if (section.flags & SHF.COMPRESSED)
        throw new FormatError(
          `dwarf: section ${section.index} (${name}) is compressed, expected plain debug sections (gcc -gz=none)`,
        );
      symbols ??= readSymbols(elf);
      cursor = new Cursor(name, relocated(elf, section, symbols, bases), elf.littleEndian);
    }
    opened.set(name, cursor);
    return cursor;
  };

  const sections: DebugSections = {
    elf,
    open: (name) => whole(name)?.copy(0),
    at(name, offset, what) {
      const cursor = whole(name);
      if (!cursor) throw new FormatError(`dwarf: ${what} in ${name}, which the object does not have`);
      return cursor.copy(offset);
    },
    stringAt: (name, offset) => sections.at(name, offset, 'a string').string(),
    placeOf(address) {
      let low = 0;
      let high = allocated.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (bases[allocated[middle].index] <= address) low = middle + 1;
        else high = middle;
      }
      const section = allocated[low - 1];
      if (!section) return undefined;
      const offset = address - bases[section.index];
      return offset <= section.size ? { section: section.index, offset } : undefined;
    },
  };
  return sections;
}

/**
 * Bytes of the field that each type of relocation of a debug section fills; other types do not occur there. The psABIs: x86-64
 * R_X86_64_64, _32, _32S; arm64 R_AARCH64_ABS64, _ABS32; ppc64le R_PPC64_ADDR64, _ADDR32; s390x R_390_64, _32.
 */
const widths: Readonly<Record<number, Readonly<Record<number, number>>>> = {
  [EM.X86_64]: { [R_X86_64.NONE]: 0, [R_X86_64[64]]: 8, [R_X86_64[32]]: 4, [R_X86_64['32S']]: 4 },
  [EM.AARCH64]: { 0: 0, 257: 8, 258: 4 },
  [EM.PPC64]: { 0: 0, 38: 8, 1: 4 },
  [EM.S390]: { 0: 0, 22: 8, 4: 4 },
};

function relocated(elf: ElfFile, section: Section, symbols: SymbolTable, bases: Float64Array): Uint8Array {
  const tables = elf.sections.filter(
    (candidate) => candidate.type === SHT.RELA && candidate.info === section.index,
  );
  const plain = sectionBytes(elf, section);
  if (tables.length === 0) return plain;
  const known = widths[elf.machine];
  if (!known)
    throw new FormatError(
      `dwarf: relocations of machine ${elf.machine}, those of x86-64 (62), arm64 (183), ppc64 (21) and s390x (22) are known`,
    );
  // A copy whatever the class: slice() of a Buffer would be a view into the file.
  const bytes = new Uint8Array(plain);
  const view = new DataView(bytes.buffer);
  const little = elf.littleEndian;
  for (const table of tables) {
    const rela = readRela(elf, table);
    for (let index = 0; index < rela.count; index++) {
      const width = known[rela.type[index]];
      const symbol = rela.symbol[index];
      const at = rela.offset[index];
      // Tens of thousands: the words are for the one that is wrong.
      const where = () => `relocation ${index} of section ${table.index} (${table.name})`;
      if (width === undefined)
        throw new FormatError(
          `dwarf: ${where()} has type ${rela.type[index]}, expected an absolute address of 4 or 8 bytes`,
        );
      if (width === 0) continue;
      if (at + width > bytes.length)
        throw new FormatError(
          `dwarf: ${where()} is at 0x${at.toString(16)}, the section has 0x${bytes.length.toString(16)} bytes`,
        );
      if (symbol >= symbols.count)
        throw new FormatError(`dwarf: ${where()} refers to symbol ${symbol}, there are ${symbols.count}`);
      let value = symbols.value[symbol] + rela.addend[index];
      if (!symbols.reserved[symbol] && symbols.section[symbol] > 0) value += bases[symbols.section[symbol]];
      // An undefined symbol (a variable of another unit) has no address here.
      else if (!symbols.reserved[symbol]) value = 0;
      const word = value < 0 ? 0 : value;
      if (width === 4) view.setUint32(at, word % 0x100000000, little);
      else {
        view.setUint32(at + (little ? 0 : 4), word % 0x100000000, little);
        view.setUint32(at + (little ? 4 : 0), Math.floor(word / 0x100000000), little);
      }
    }
  }
  return bytes;
}
