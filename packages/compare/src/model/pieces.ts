import { type ElfFile, FormatError, type Section, SHT, STT, type SymbolTable } from '@klpkit/formats';

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

/**
 * Functions may nest (entries into one body), but a section whose functions add up to many times its size is no compiler's work,
 * and comparing it would take for ever.
 */
const deepestNesting = 16;

interface Draft {
  kind: 'function' | 'object';
  symbol: number;
  aliases: number[];
  section: Section;
  start: number;
  size: number;
}

/**
 * Cuts an object into its functions and variables.
 *
 * @returns the pieces in order of section and start, and for each index of the symbol table the piece that it names
 * @throws {FormatError} for a symbol outside its section, code without bytes, and functions stacked on each other
 */
export function cutPieces(
  elf: ElfFile,
  symbols: SymbolTable,
): { pieces: Piece[]; ofSymbol: (symbol: number) => Piece | undefined } {
  const atPlace = new Map<string, Draft>();
  const covered = new Map<Section, number>();
  for (let index = 1; index < symbols.count; index++) {
    if (symbols.reserved[index] || symbols.section[index] === 0) continue;
    const type = symbols.type[index];
    if (type !== STT.FUNC && type !== STT.OBJECT) continue;
    const section = elf.sections[symbols.section[index]];
    const kind = type === STT.FUNC ? 'function' : 'object';
    const start = symbols.value[index];
    const size = symbols.size[index];
    checkPlace(symbols, index, section, kind);
    const key = `${section.index}:${start}:${size}:${kind}`;
    const known = atPlace.get(key);
    if (known) {
      // The local name is the one that the source gave the body; a global one is an alias that others use.
      known.aliases.push(index);
      continue;
    }
    atPlace.set(key, { kind, symbol: index, aliases: [], section, start, size });
    const sum = (covered.get(section) ?? 0) + size;
    covered.set(section, sum);
    if (sum > section.size * deepestNesting)
      throw new FormatError(
        `elf: the symbols of section ${section.index} (${section.name}) cover 0x${sum.toString(16)} bytes, it has 0x${section.size.toString(16)}`,
      );
  }
  const drafts = [...atPlace.values()].sort(
    (a, b) =>
      a.section.index - b.section.index || a.start - b.start || b.size - a.size || a.symbol - b.symbol,
  );
  const bySymbol = new Map<number, Piece>();
  const pieces = drafts.map((draft, id) => {
    const piece: Piece = {
      id,
      kind: draft.kind,
      name: symbols.name(draft.symbol),
      aliases: draft.aliases.map((alias) => symbols.name(alias)),
      symbol: draft.symbol,
      binding: symbols.binding[draft.symbol],
      section: draft.section,
      start: draft.start,
      size: draft.size,
    };
    for (const symbol of [draft.symbol, ...draft.aliases]) bySymbol.set(symbol, piece);
    return piece;
  });
  return { pieces, ofSymbol: (symbol) => bySymbol.get(symbol) };
}

function checkPlace(symbols: SymbolTable, index: number, section: Section, kind: Piece['kind']): void {
  const start = symbols.value[index];
  const end = start + symbols.size[index];
  if (start < 0 || end > section.size)
    throw new FormatError(
      `elf: symbol ${index} (${symbols.name(index)}) ends at 0x${end.toString(16)} of section ${section.index} (${section.name}), which has 0x${section.size.toString(16)} bytes`,
    );
  if (section.type === SHT.NULL || (kind === 'function' && section.type === SHT.NOBITS))
    throw new FormatError(
      `elf: symbol ${index} (${symbols.name(index)}) is a ${kind} in section ${section.index} (${section.name}), whose type ${section.type} has no bytes`,
    );
}
