import {
  type ElfFile,
  ET,
  FormatError,
  readElf,
  readSymbols,
  type Section,
  SHF,
  SHT,
  type SymbolTable,
  sectionBytes,
} from '@klpkit/formats';
import '../arch/x86-64.ts';
import '../arch/arm64.ts';
import '../arch/ppc64le.ts';
import '../arch/s390x.ts';
import { type Arch, archOf } from '../arch/arch.ts';
import { cutPieces, type Piece } from './pieces.ts';
import { Literals, type Reference, readReferences, slice } from './references.ts';
import { type SectionKind, sectionKind } from './sections.ts';

export type { Piece } from './pieces.ts';
export { type Reference, slice, type Target } from './references.ts';

/** A relocatable object as functions, variables and references. */
export interface ObjectModel {
  readonly elf: ElfFile;
  readonly arch: Arch;
  readonly symbols: SymbolTable;
  readonly pieces: readonly Piece[];
  kindOf(section: Section): SectionKind;
  /** Pieces of a section by start; empty when it has none. */
  piecesIn(section: Section): readonly Piece[];
  /** All pieces of that name; a file may hold two static variables of one name. */
  named(name: string): readonly Piece[];
  /** The piece that a symbol of the symbol table names, be it by an alias. */
  pieceOf(symbol: number): Piece | undefined;
  /** The content of a section; zeroes are not stored for SHT_NOBITS, so that is empty. */
  bytes(section: Section): Uint8Array;
  /** The content of a piece; zeroes for SHT_NOBITS. */
  content(piece: Piece): Uint8Array;
  /** References made by a section, by offset. */
  references(section: Section): readonly Reference[];
  /** References made by a piece, by offset. */
  referencesOf(piece: Piece): readonly Reference[];
  /** The piece that covers `offset` of the section, or the one that ends there. */
  pieceAt(section: Section, offset: number): Piece | undefined;
}

/** More zeroes than this are not made for a variable of SHT_NOBITS: its header may claim any size. */
const mostZeroes = 1 << 26;

const nothing: readonly never[] = [];

/**
 * Reads a relocatable object.
 *
 * @throws {FormatError} when it is no ET_REL file of a supported machine, or malformed
 */
export function readObjectModel(bytes: Uint8Array): ObjectModel {
  const magic = (bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24)) >>> 0;
  if (magic === 0xdec04342 || magic === 0x0b17c0de)
    throw new FormatError(
      `elf: the magic 0x${magic.toString(16)} at offset 0 is that of LLVM bitcode, expected 0x464c457f (ELF): compile without -flto`,
    );
  const elf = readElf(bytes);
  if (elf.type !== ET.REL)
    throw new FormatError(
      `elf: type ${elf.type}${linked[elf.type] ?? ''} at offset 16, expected 1 (relocatable)`,
    );
  if (elf.segments.length > 0)
    throw new FormatError(`elf: ${elf.segments.length} program headers, a relocatable object has none`);
  checkSections(elf);
  checkMachineCode(elf);
  return modelOf(elf);
}

/** What the types of {@link ET} are that are not relocatable. */
const linked: Readonly<Record<number, string>> = {
  [ET.EXEC]: ' (a linked program or kernel)',
  [ET.DYN]: ' (a linked library or program)',
  [ET.CORE]: ' (a memory dump)',
};

/** Bytes of a section that no object of a kernel comes near. */
const largestSection = 2 ** 32;

/** Bytes of the ELF header, and of one section header (ELF gABI, 64-bit). */
const headerSize = 64;

/** @throws {FormatError} for sections that share bytes of the file, an alignment that is none, or a size that no object has */
function checkSections(elf: ElfFile): void {
  const headers = Number(elf.view.getBigUint64(40, elf.littleEndian));
  const stored = [
    { name: 'the ELF header', start: 0, end: headerSize },
    { name: 'the section headers', start: headers, end: headers + elf.sections.length * headerSize },
  ];
  for (const section of elf.sections) {
    const name = `section ${section.index} (${section.name})`;
    if (section.type === SHT.NULL) continue;
    if (section.align > 1 && (section.align > 2 ** 31 || Math.log2(section.align) % 1 !== 0))
      throw new FormatError(`elf: ${name} has alignment ${section.align}, expected a power of two`);
    if (section.size > largestSection)
      throw new FormatError(`elf: ${name} claims ${section.size} bytes, at most ${largestSection} are read`);
    if (section.type !== SHT.NOBITS && section.size > 0)
      stored.push({ name, start: section.offset, end: section.offset + section.size });
  }
  stored.sort((a, b) => a.start - b.start);
  const range = ({ name, start, end }: (typeof stored)[number]) =>
    `${name} at 0x${start.toString(16)} to 0x${end.toString(16)}`;
  for (let index = 1; index < stored.length; index++) {
    const [previous, next] = [stored[index - 1], stored[index]];
    if (next.start < previous.end)
      throw new FormatError(`elf: ${range(previous)} and ${range(next)} overlap`);
  }
}

/** @throws {FormatError} for an object that holds the compiler's intermediate code alone, or code that no symbol tells apart */
function checkMachineCode(elf: ElfFile): void {
  const code = elf.sections.find((section) => section.size > 0 && (section.flags & SHF.EXECINSTR) !== 0);
  const lto = elf.sections.find((section) => section.name.startsWith('.gnu.lto_'));
  if (lto && !code)
    throw new FormatError(
      `elf: section ${lto.index} (${lto.name}) has 0x${lto.size.toString(16)} bytes of gcc's intermediate code, and there is no machine code: compile without -flto`,
    );
  if (code && !elf.sections.some((section) => section.type === SHT.SYMTAB))
    throw new FormatError(
      `elf: section ${code.index} (${code.name}) has 0x${code.size.toString(16)} bytes of code, but there is no symbol table: the object is stripped`,
    );
}

/**
 * The model of an object that is read already.
 *
 * @throws {FormatError} when its machine is not supported, or symbols or relocations lie outside their sections
 */
export function modelOf(elf: ElfFile): ObjectModel {
  const arch = archOf(elf);
  const symbols = readSymbols(elf);
  const { pieces, ofSymbol } = cutPieces(elf, symbols);
  const bySection = new Map<number, Piece[]>();
  const byName = new Map<string, Piece[]>();
  for (const piece of pieces) {
    append(bySection, piece.section.index, piece);
    for (const name of [piece.name, ...piece.aliases]) append(byName, name, piece);
  }
  const relaOf = new Map<number, Section[]>();
  for (const section of elf.sections) {
    if (section.type === SHT.REL)
      throw new FormatError(
        `elf: section ${section.index} (${section.name}) has type 9 (REL), this machine uses 4 (RELA)`,
      );
    if (section.type === SHT.RELA) append(relaOf, section.info, section);
  }
  const kinds: (SectionKind | undefined)[] = [];
  const cache: (readonly Reference[] | undefined)[] = [];
  const literals = new Literals(() => model);

  const model: ObjectModel = {
    elf,
    arch,
    symbols,
    pieces,
    kindOf(section) {
      let kind = kinds[section.index];
      if (kind === undefined) {
        kind = sectionKind(section, arch);
        kinds[section.index] = kind;
      }
      return kind;
    },
    piecesIn: (section) => bySection.get(section.index) ?? nothing,
    named: (name) => byName.get(name) ?? nothing,
    pieceOf: ofSymbol,
    bytes: (section) => sectionBytes(elf, section),
    content(piece) {
      if (piece.section.type !== SHT.NOBITS)
        return sectionBytes(elf, piece.section).subarray(piece.start, piece.start + piece.size);
      if (piece.size > mostZeroes)
        throw new FormatError(
          `elf: symbol ${piece.symbol} (${piece.name}) has ${piece.size} bytes of zeroes, at most ${mostZeroes} are read`,
        );
      return new Uint8Array(piece.size);
    },
    references(section) {
      let known = cache[section.index];
      if (!known) {
        known = readReferences({ model, ofSymbol, literals }, section, relaOf.get(section.index) ?? []);
        cache[section.index] = known;
      }
      return known;
    },
    referencesOf(piece) {
      const all = model.references(piece.section);
      // With a section of its own a piece makes all of its references.
      const end = piece.start + piece.size;
      if (all.length === 0 || (all[0].offset >= piece.start && all[all.length - 1].offset < end)) return all;
      return slice(all, piece.start, end);
    },
    pieceAt: (section, offset) => pieceAt(bySection.get(section.index) ?? nothing, offset),
  };
  return model;
}

/** `undefined` for a machine whose code is not understood, or a symbol table that contradicts itself: rules about code are then unchecked. */
export function modelIfReadable(elf: ElfFile): ObjectModel | undefined {
  try {
    return modelOf(elf);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function pieceAt(here: readonly Piece[], offset: number): Piece | undefined {
  let low = 0;
  let high = here.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (here[middle].start <= offset) low = middle + 1;
    else high = middle;
  }
  // A piece that covers the offset is better than one that ends there; sizes may nest, so look back a little.
  let ending: Piece | undefined;
  for (let index = low - 1; index >= 0 && index >= low - 4; index--) {
    const piece = here[index];
    const end = piece.start + piece.size;
    if (offset < end || (piece.size === 0 && offset === piece.start)) return piece;
    if (offset === end) ending ??= piece;
  }
  return ending;
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
