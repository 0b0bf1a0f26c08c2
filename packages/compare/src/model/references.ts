import { FormatError, readRela, type Section, SHF, SHN, STB, STT } from '@klpkit/formats';
import type { ObjectModel } from './model.ts';
import type { Piece } from './pieces.ts';
import { tableShape } from './sections.ts';

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
 * - `piece`: `offset` bytes from the start of a function or variable of this object; an index below an array makes it negative.
 * - `string`, `constant`: content in a mergeable section; `bytes` as a Latin-1 string, from `offset` of the section on.
 * - `place`: somewhere in a section where no symbol is.
 * - `absolute`: a value without a section.
 */
export type Target =
  | { readonly kind: 'external'; readonly name: string; readonly weak: boolean; readonly offset: number }
  | {
      readonly kind: 'piece';
      readonly piece: Piece;
      readonly offset: number;
      /** True for a place just behind the piece: its end may be meant, or something without a symbol that begins there. */
      readonly isBehind?: true;
    }
  | Literal
  | { readonly kind: 'place'; readonly section: Section; readonly offset: number }
  | { readonly kind: 'absolute'; readonly value: number };

/** Content without an identity, which the linker merges with its like. */
export interface Literal {
  readonly kind: 'string' | 'constant';
  readonly bytes: string;
  readonly section: Section;
  readonly offset: number;
  /**
   * From the start of the content to the place that is meant, where code adds an index to that: `"abc"[i - 1]` is -1. Which bytes it
   * reads is then not known, so the content is that of the whole literal.
   */
  readonly shift?: number;
}

/** What {@link readReferences} needs of an object beside its model. */
export interface ReferenceContext {
  readonly model: ObjectModel;
  readonly ofSymbol: (symbol: number) => Piece | undefined;
  readonly literals: Literals;
}

interface RawReference {
  readonly offset: number;
  readonly type: number;
  readonly symbol: number;
  readonly addend: number;
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

/**
 * References that a section makes, by offset; `tables` are its SHT_RELA sections.
 *
 * @throws {FormatError} for a relocation of unknown type, outside the section, or to a symbol that does not exist
 */
export function readReferences(
  context: ReferenceContext,
  section: Section,
  tables: readonly Section[],
): readonly Reference[] {
  const { elf, arch, symbols } = context.model;
  const raw: RawReference[] = [];
  for (const table of tables) {
    const rela = readRela(elf, table);
    for (let index = 0; index < rela.count; index++) {
      const type = rela.type[index];
      const offset = rela.offset[index];
      const at = `relocation ${index} of section ${table.index} (${table.name})`;
      const width = arch.fieldWidth(type);
      if (width === undefined)
        throw new FormatError(
          `elf: ${at} has ${arch.relocationName(type)}, which kernel objects do not have`,
        );
      if (width === 0) continue;
      if (offset + width > section.size)
        throw new FormatError(
          `elf: ${at} is at 0x${offset.toString(16)}, section ${section.index} (${section.name}) has 0x${section.size.toString(16)} bytes`,
        );
      if (rela.symbol[index] >= symbols.count)
        throw new FormatError(
          `elf: ${at} refers to symbol ${rela.symbol[index]}, there are ${symbols.count}`,
        );
      raw.push({ offset, type, symbol: rela.symbol[index], addend: rela.addend[index] });
    }
  }
  raw.sort((a, b) => a.offset - b.offset || a.type - b.type);
  const distance = operandDistances(context.model, section, raw);
  return raw.map((entry, index) => ({
    ...entry,
    target: targetOf(context, section, entry, distance[index]),
  }));
}

/** Bytes of an x86 instruction at most, and more than those of any other machine. */
const longestInstruction = 15;

/**
 * For each relocation the distance from its field to the point that a PC-relative operand counts from: in code as the machine has it
 * (on x86 the end of the instruction), in data the field itself. Only places inside this object need it.
 */
function operandDistances(model: ObjectModel, section: Section, raw: readonly RawReference[]): number[] {
  const { arch, symbols } = model;
  const distance = new Array<number>(raw.length).fill(0);
  if ((section.flags & SHF.EXECINSTR) === 0) {
    const shape = tableShape(section.name, undefined, arch);
    return shape?.isFromEntry ? raw.map(({ offset }) => -(offset % shape.entrySize)) : distance;
  }
  // Each function is decoded from its own start: padding between functions need not decode to its end.
  const groups = new Map<number, number[]>();
  raw.forEach((entry, index) => {
    if (!arch.isPcRelative(entry.type) || symbols.section[entry.symbol] === 0) return;
    const start = model.pieceAt(section, entry.offset)?.start ?? 0;
    const members = groups.get(start);
    if (members) members.push(index);
    else groups.set(start, [index]);
  });
  const code = model.bytes(section);
  for (const [start, members] of groups) {
    // No further than the last operand: what follows may be long, and is handed to the decoder for each function.
    const end = raw[members[members.length - 1]].offset + longestInstruction;
    const bases = arch.operandBases(
      code.subarray(start, end),
      members.map((index) => ({ offset: raw[index].offset - start, type: raw[index].type })),
    );
    members.forEach((index, number) => {
      distance[index] = start + bases[number] - raw[index].offset;
    });
  }
  return distance;
}

function targetOf(context: ReferenceContext, from: Section, entry: RawReference, distance: number): Target {
  const { model, ofSymbol } = context;
  const { symbols, elf } = model;
  const { symbol, addend } = entry;
  if (symbol === 0) return { kind: 'absolute', value: addend };
  const index = symbols.section[symbol];
  if (symbols.reserved[symbol]) {
    // A livepatch symbol is defined by another object, as an undefined one is; a common one where the linker puts it.
    if (index === SHN.LIVEPATCH || index === SHN.COMMON)
      return { kind: 'external', name: symbols.name(symbol), weak: false, offset: addend };
    return { kind: 'absolute', value: symbols.value[symbol] + addend };
  }
  if (index === 0)
    return {
      kind: 'external',
      name: symbols.name(symbol),
      weak: symbols.binding[symbol] === STB.WEAK,
      offset: addend,
    };
  const section = elf.sections[index];
  const offset = symbols.value[symbol] + addend + (model.arch.isPcRelative(entry.type) ? distance : 0);
  // Code that takes an address out of a table of addresses means what the entry leads to.
  if (section.name === model.arch.addressTable && from !== section)
    return throughTable(model, section, offset);
  // Content of a mergeable section has no identity, whether the compiler names it (clang's .L.str) or not.
  // With a symbol that names it the content begins there; the assembler keeps such symbols where something is added to them.
  const isNamed = symbols.type[symbol] !== STT.SECTION;
  const start = isNamed ? symbols.value[symbol] : offset;
  const literal = context.literals.at(section, start);
  // The bytes of an address are in its relocation. Constants do not lead to constants; that ends a circle of hostile ones.
  if (literal?.kind === 'constant' && !model.arch.addressTable && model.kindOf(from) !== 'constants') {
    const addresses = slice(model.references(section), start, start + literal.bytes.length);
    const [address] = addresses;
    if (address?.offset === offset && model.arch.poolsAddresses) return address.target;
    if (address) return { kind: 'place', section, offset };
  }
  if (literal) return start === offset ? literal : { ...literal, shift: offset - start };
  const named = ofSymbol(symbol);
  if (named) return { kind: 'piece', piece: named, offset: offset - named.start };
  const piece = model.pieceAt(section, offset) ?? soleVariable(model, section, symbols.type[symbol]);
  if (piece) {
    const target = { kind: 'piece', piece, offset: offset - piece.start } as const;
    return target.offset === piece.size && piece.size > 0 ? { ...target, isBehind: true } : target;
  }
  return { kind: 'place', section, offset };
}

/** What the entry at `offset` of a table of addresses holds: an address, or a number that code loads from there. */
function throughTable(model: ObjectModel, table: Section, offset: number): Target {
  const [entry] = slice(model.references(table), offset, offset + 1);
  if (entry) return entry.target;
  const bytes = model.bytes(table).subarray(Math.max(0, offset), Math.max(0, offset) + 8);
  return { kind: 'constant', bytes: String.fromCharCode(...bytes), section: table, offset };
}

/** With -fdata-sections an index outside the array is still one of the only variable there: `a[i - 1]` is `.data.a - 4`. */
function soleVariable(model: ObjectModel, section: Section, symbolType: number): Piece | undefined {
  if (symbolType !== STT.SECTION) return undefined;
  const [piece, ...others] = model.piecesIn(section);
  if (piece?.kind !== 'object' || others.length > 0) return undefined;
  return piece.start === 0 && piece.size === section.size ? piece : undefined;
}

/**
 * More literal bytes than this, each counted once per offset that is referred to, are no compiler's work: references into the middle
 * of one long string would cost quadratic memory.
 */
const mostLiteralBytes = 1 << 24;

/** Content in the mergeable sections of one object, read once per place. */
export class Literals {
  readonly #model: () => ObjectModel;
  readonly #known = new Map<number, Literal>();
  #bytes = 0;

  constructor(model: () => ObjectModel) {
    this.#model = model;
  }

  /** The string or constant at `offset`, or `undefined` when the section is not mergeable or the offset outside it. */
  at(section: Section, offset: number): Literal | undefined {
    const model = this.#model();
    const kind = model.kindOf(section);
    if (kind !== 'strings' && kind !== 'constants') return undefined;
    if (offset < 0 || offset >= section.size) return undefined;
    // Exact: an index is below 2^21 in any file that is read, an offset below 2^32.
    const key = section.index * 2 ** 32 + offset;
    const known = this.#known.get(key);
    if (known) return known;
    const bytes = model.bytes(section);
    if (offset >= bytes.length) return undefined;
    const end = kind === 'strings' ? stringEnd(bytes, offset, section.entsize) : constantEnd(section, offset);
    this.#bytes += end - offset;
    if (this.#bytes > mostLiteralBytes)
      throw new FormatError(
        `elf: references to section ${section.index} (${section.name}) lead to more than ${mostLiteralBytes} bytes of overlapping literals`,
      );
    const text = latin1(bytes, offset, end);
    const target: Literal = {
      kind: kind === 'strings' ? 'string' : 'constant',
      bytes: text,
      section,
      offset,
    };
    this.#known.set(key, target);
    return target;
  }
}

/** One character per byte. TextDecoder's `latin1` is windows-1252, which turns 0x8c into U+0152. */
function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at += 4096)
    text += String.fromCharCode(...bytes.subarray(at, Math.min(end, at + 4096)));
  return text;
}

/** Where the constant around `at` of a mergeable section ends: what follows is another one's. */
export function constantEnd({ entsize, size }: Section, at: number): number {
  const width = Math.max(1, entsize);
  return Math.min(size, at - (at % width) + width);
}

/** Where the string that starts at `start` has its terminator, `width` bytes of zero. */
function stringEnd(bytes: Uint8Array, start: number, width: number): number {
  if (width <= 1) {
    const end = bytes.indexOf(0, start);
    return end < 0 ? bytes.length : end;
  }
  for (let at = start; at + width <= bytes.length; at += width) {
    let zero = true;
    for (let index = at; zero && index < at + width; index++) zero = bytes[index] === 0;
    if (zero) return at;
  }
  return bytes.length;
}
