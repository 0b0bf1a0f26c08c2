import {
  type ElfFile,
  ET,
  FormatError,
  readElf,
  readRela,
  readSymbols,
  type Section,
  SHF,
  SHT,
  STB,
  STT,
  type SymbolTable,
  sectionBytes,
} from '@klpkit/formats';
import '../arch/x86-64.ts';
import { type Arch, archOf } from '../arch/arch.ts';
import { type SectionKind, sectionKind } from './sections.ts';

/** A function or a variable: a range of one section that a symbol names. */
export interface Piece {
  /** Number within its object, in order of section and start. */
  readonly id: number;
  readonly kind: 'function' | 'object';
  readonly name: string;
  /** Other names at the same place. */
  readonly aliases: readonly string[];
  /** Index in the object's symbol table. */
  readonly symbol: number;
  readonly binding: number;
  readonly section: Section;
  /** Bytes from the start of the section. */
  readonly start: number;
  readonly size: number;
}

/** A relocation, with the place that it makes the code refer to. */
export interface Reference {
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly type: number;
  readonly symbol: number;
  readonly addend: number;
  readonly target: Target;
}

/**
 * What a reference means, free of how the assembler wrote it down.
 *
 * - `external`: a symbol that another object defines; `offset` is the addend as written.
 * - `piece`: `offset` bytes from the start of a function or variable of this object.
 * - `string`, `constant`: content in a mergeable section; `bytes` as a Latin-1 string.
 * - `place`: somewhere in a section where no symbol is.
 * - `absolute`: a value without a section.
 */
export type Target =
  | { readonly kind: 'external'; readonly name: string; readonly weak: boolean; readonly offset: number }
  | { readonly kind: 'piece'; readonly piece: Piece; readonly offset: number }
  | { readonly kind: 'string'; readonly bytes: string; readonly section: Section; readonly offset: number }
  | { readonly kind: 'constant'; readonly bytes: string; readonly section: Section; readonly offset: number }
  | { readonly kind: 'place'; readonly section: Section; readonly offset: number }
  | { readonly kind: 'absolute'; readonly value: number };

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

const latin1 = new TextDecoder('latin1');
const nothing: readonly never[] = [];

/**
 * Reads a relocatable object.
 *
 * @throws {FormatError} when it is no ET_REL file of a supported machine, or malformed
 */
export function readObjectModel(bytes: Uint8Array): ObjectModel {
  const elf = readElf(bytes);
  if (elf.type !== ET.REL)
    throw new FormatError(`elf: type ${elf.type} at offset 16, expected 1 (relocatable)`);
  return modelOf(elf);
}

/** The model of an object that is read already. */
export function modelOf(elf: ElfFile): ObjectModel {
  const arch = archOf(elf);
  const symbols = readSymbols(elf);
  const pieces = cutPieces(elf, symbols);
  const bySection = new Map<number, Piece[]>();
  const byName = new Map<string, Piece[]>();
  for (const piece of pieces) {
    append(bySection, piece.section.index, piece);
    for (const name of [piece.name, ...piece.aliases]) append(byName, name, piece);
  }
  const relaOf = new Map<number, Section[]>();
  for (const section of elf.sections) if (section.type === SHT.RELA) append(relaOf, section.info, section);
  const kinds = new Map<number, SectionKind>();
  const cache = new Map<number, readonly Reference[]>();

  const model: ObjectModel = {
    elf,
    arch,
    symbols,
    pieces,
    kindOf(section) {
      let kind = kinds.get(section.index);
      if (kind === undefined) {
        kind = sectionKind(section);
        kinds.set(section.index, kind);
      }
      return kind;
    },
    piecesIn: (section) => bySection.get(section.index) ?? nothing,
    named: (name) => byName.get(name) ?? nothing,
    bytes: (section) => sectionBytes(elf, section),
    content(piece) {
      if (piece.section.type === SHT.NOBITS) return new Uint8Array(piece.size);
      return sectionBytes(elf, piece.section).subarray(piece.start, piece.start + piece.size);
    },
    references(section) {
      let known = cache.get(section.index);
      if (!known) {
        known = readReferences(model, section, relaOf.get(section.index) ?? []);
        cache.set(section.index, known);
      }
      return known;
    },
    referencesOf(piece) {
      return slice(model.references(piece.section), piece.start, piece.start + piece.size);
    },
    pieceAt(section, offset) {
      const here = bySection.get(section.index);
      if (!here) return undefined;
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
    },
  };
  return model;
}

/** References with `start <= offset < end` out of a list sorted by offset. */
export function slice(references: readonly Reference[], start: number, end: number): readonly Reference[] {
  return references.slice(lowerBound(references, start), lowerBound(references, end));
}

function lowerBound(references: readonly Reference[], offset: number): number {
  let low = 0;
  let high = references.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (references[middle].offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function cutPieces(elf: ElfFile, symbols: SymbolTable): Piece[] {
  interface Draft {
    kind: 'function' | 'object';
    symbol: number;
    aliases: number[];
    section: Section;
    start: number;
    size: number;
  }
  const atPlace = new Map<string, Draft>();
  for (let index = 1; index < symbols.count; index++) {
    if (symbols.reserved[index] || symbols.section[index] === 0) continue;
    const type = symbols.type[index];
    if (type !== STT.FUNC && type !== STT.OBJECT) continue;
    const section = elf.sections[symbols.section[index]];
    const start = symbols.value[index];
    const size = symbols.size[index];
    if (start < 0 || start + size > section.size)
      throw new FormatError(
        `elf: symbol ${index} (${symbols.name(index)}) ends at 0x${(start + size).toString(16)} of section ${section.index} (${section.name}), which has 0x${section.size.toString(16)} bytes`,
      );
    const kind = type === STT.FUNC ? 'function' : 'object';
    const key = `${section.index}:${start}:${size}:${kind}`;
    const known = atPlace.get(key);
    if (!known) {
      atPlace.set(key, { kind, symbol: index, aliases: [], section, start, size });
      continue;
    }
    // The local name is the one that the source gave the body; a global one is an alias that others use.
    known.aliases.push(index);
  }
  const drafts = [...atPlace.values()].sort(
    (a, b) =>
      a.section.index - b.section.index || a.start - b.start || b.size - a.size || a.symbol - b.symbol,
  );
  return drafts.map((draft, id) => ({
    id,
    kind: draft.kind,
    name: symbols.name(draft.symbol),
    aliases: draft.aliases.map((alias) => symbols.name(alias)),
    symbol: draft.symbol,
    binding: symbols.binding[draft.symbol],
    section: draft.section,
    start: draft.start,
    size: draft.size,
  }));
}

function readReferences(
  model: ObjectModel,
  section: Section,
  tables: readonly Section[],
): readonly Reference[] {
  const { elf, arch, symbols } = model;
  const raw: { offset: number; type: number; symbol: number; addend: number }[] = [];
  for (const table of tables) {
    const rela = readRela(elf, table);
    for (let index = 0; index < rela.count; index++) {
      const type = rela.type[index];
      const offset = rela.offset[index];
      const width = arch.fieldWidth(type);
      if (width === undefined)
        throw new FormatError(
          `elf: relocation ${index} of section ${table.index} (${table.name}) has ${arch.relocationName(type)}, which kernel objects do not have`,
        );
      if (width === 0) continue;
      if (offset + width > section.size)
        throw new FormatError(
          `elf: relocation ${index} of section ${table.index} (${table.name}) is at 0x${offset.toString(16)}, section ${section.index} (${section.name}) has 0x${section.size.toString(16)} bytes`,
        );
      if (rela.symbol[index] >= symbols.count)
        throw new FormatError(
          `elf: relocation ${index} of section ${table.index} (${table.name}) refers to symbol ${rela.symbol[index]}, there are ${symbols.count}`,
        );
      raw.push({ offset, type, symbol: rela.symbol[index], addend: rela.addend[index] });
    }
  }
  raw.sort((a, b) => a.offset - b.offset || a.type - b.type);
  const distance = operandDistances(model, section, raw);
  return raw.map((entry, index) => ({ ...entry, target: targetOf(model, entry, distance[index]) }));
}

/**
 * For each relocation the distance from its field to the point that a PC-relative operand counts from: the end of the instruction
 * in code, the field itself in data. Only places inside this object need it.
 */
function operandDistances(
  model: ObjectModel,
  section: Section,
  raw: readonly { offset: number; type: number; symbol: number }[],
): number[] {
  const { arch, symbols } = model;
  const distance = new Array<number>(raw.length).fill(0);
  if ((section.flags & SHF.EXECINSTR) === 0) return distance;
  const wanted: number[] = [];
  raw.forEach((entry, index) => {
    if (arch.isPcRelative(entry.type) && symbols.section[entry.symbol] !== 0) wanted.push(index);
  });
  if (wanted.length === 0) return distance;
  const code = model.bytes(section);
  // Each function is decoded from its own start: padding between functions need not decode to its end.
  const groups = new Map<number, number[]>();
  for (const index of wanted) append(groups, model.pieceAt(section, raw[index].offset)?.start ?? 0, index);
  for (const [start, members] of groups) {
    const ends = arch.instructionEnds(
      code.subarray(start),
      members.map((index) => raw[index].offset - start),
    );
    members.forEach((index, number) => {
      distance[index] = start + ends[number] - raw[index].offset;
    });
  }
  return distance;
}

function targetOf(
  model: ObjectModel,
  entry: { type: number; symbol: number; addend: number },
  distance: number,
): Target {
  const { symbols, elf } = model;
  const { symbol, addend } = entry;
  if (symbol === 0) return { kind: 'absolute', value: addend };
  if (symbols.reserved[symbol]) {
    // A livepatch symbol (SHN_LIVEPATCH) is defined by another object, as an undefined one is.
    if (symbols.section[symbol] === 0xff20)
      return { kind: 'external', name: symbols.name(symbol), weak: false, offset: addend };
    return { kind: 'absolute', value: symbols.value[symbol] + addend };
  }
  const index = symbols.section[symbol];
  if (index === 0)
    return {
      kind: 'external',
      name: symbols.name(symbol),
      weak: symbols.binding[symbol] === STB.WEAK,
      offset: addend,
    };
  const section = elf.sections[index];
  const offset = symbols.value[symbol] + addend + (model.arch.isPcRelative(entry.type) ? distance : 0);
  const type = symbols.type[symbol];
  if (type === STT.FUNC || type === STT.OBJECT) {
    const piece = model
      .piecesIn(section)
      .find(
        (candidate) => candidate.start === symbols.value[symbol] && candidate.size === symbols.size[symbol],
      );
    if (piece) return { kind: 'piece', piece, offset: offset - piece.start };
  }
  const kind = model.kindOf(section);
  if (kind === 'strings' || kind === 'constants') {
    const bytes = model.bytes(section);
    if (offset >= 0 && offset < bytes.length) {
      let end = offset;
      if (kind === 'strings' && section.entsize <= 1) while (end < bytes.length && bytes[end] !== 0) end++;
      else if (kind === 'strings') end = wideStringEnd(bytes, offset, section.entsize);
      else end = Math.min(bytes.length, offset + Math.max(1, section.entsize));
      return {
        kind: kind === 'strings' ? 'string' : 'constant',
        bytes: latin1.decode(bytes.subarray(offset, end)),
        section,
        offset,
      };
    }
  }
  const piece = model.pieceAt(section, offset);
  if (piece) return { kind: 'piece', piece, offset: offset - piece.start };
  return { kind: 'place', section, offset };
}

function wideStringEnd(bytes: Uint8Array, start: number, width: number): number {
  for (let at = start; at + width <= bytes.length; at += width)
    if (bytes.subarray(at, at + width).every((byte) => byte === 0)) return at;
  return bytes.length;
}
