import { type ElfFile, findSection, isAllocated, type Section, sectionBytes } from '../elf/index.ts';
import { FormatError } from '../error.ts';
import { compareNames, type KernelSymbols, makeSymbols, type SymbolArrays } from './symbols.ts';

// Everything here is found by what it looks like, and believed only when all of it fits together: the tables have no
// symbols, and their order has changed between releases more than once.

/** The kernel's KSYM_NAME_LEN: a name with its NUL is never longer. */
const longestName = 512;
/** Keeps a damaged table from asking for more memory than any kernel's names could. */
const mostNameBytes = 256 * 1024 * 1024;
const symbolsPerMarker = 256;

/** The section that holds the tables; offsets below are into it. */
interface Data {
  readonly elf: ElfFile;
  readonly section: Section;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly little: boolean;
}

/** Where each table was found, in bytes from the start of the section. */
interface Layout {
  readonly num_syms: number;
  readonly names: number;
  readonly markers: number;
  readonly token_table: number;
  readonly token_index: number;
  readonly offsets: number;
  readonly relative_base: number;
  readonly seqs_of_names: number | undefined;
}

interface Tokens {
  readonly table: number;
  readonly index: number;
  /** Where each of the 256 strings begins, from `table`, and where the last one's NUL ends. */
  readonly starts: Uint16Array;
}

interface Names {
  readonly count: number;
  readonly names: number;
  readonly markers: number;
  /** Where a `seqs_of_names` lies between markers and token table. */
  readonly seqs: number | undefined;
}

function align8(size: number): number {
  return (size + 7) & ~7;
}

/** 256 u16 that begin with 0 and rise by 1 to 128 each: `token_index`, and very little else. */
function looksLikeTokenIndex(data: Data, at: number): boolean {
  const { view, little } = data;
  if (view.getUint16(at, little) !== 0) return false;
  let previous = 0;
  for (let number = 1; number < 256; number++) {
    const value = view.getUint16(at + number * 2, little);
    if (value <= previous || value - previous > 128) return false;
    previous = value;
  }
  return true;
}

/** The strings of a `token_index`: they end, with zeros as padding, right before it. */
function tokenTableBefore(data: Data, index: number): Tokens | undefined {
  const { bytes, view, little } = data;
  const starts = new Uint16Array(257);
  for (let number = 0; number < 256; number++) starts[number] = view.getUint16(index + number * 2, little);
  const last = starts[255];
  for (let table = (index - last - 2) & ~7; table >= 0 && table >= index - last - 144; table -= 8) {
    const end = bytes.indexOf(0, table + last) + 1;
    if (end <= 0 || end > index || index - end >= 8) continue;
    let good = true;
    for (let at = end; at < index && good; at++) good = bytes[at] === 0;
    for (let number = 1; number < 256 && good; number++)
      good = bytes.indexOf(0, table + starts[number - 1]) === table + starts[number] - 1;
    if (!good) continue;
    starts[256] = end - table;
    return { table, index, starts };
  }
  return undefined;
}

/** All pairs of token table and index in the section. */
function findTokens(data: Data): Tokens[] {
  const found: Tokens[] = [];
  for (let at = 0; at + 512 <= data.bytes.length; at += 8) {
    if (data.bytes[at] !== 0 || !looksLikeTokenIndex(data, at)) continue;
    const tokens = tokenTableBefore(data, at);
    if (tokens) found.push(tokens);
  }
  return found;
}

/** Bytes that 256 symbols can take: the shortest are a length and one token, the longest a name of single-byte tokens. */
function isMarkerStep(step: number): boolean {
  return step >= 2 * symbolsPerMarker && step <= (longestName + 2) * symbolsPerMarker;
}

/** True when `count` u32 at `at` are markers. */
function areMarkers(data: Data, at: number, count: number): boolean {
  const { view, little } = data;
  if (at < 0 || view.getUint32(at, little) !== 0) return false;
  let previous = 0;
  for (let number = 1; number < count; number++) {
    const value = view.getUint32(at + number * 4, little);
    if (!isMarkerStep(value - previous)) return false;
    previous = value;
  }
  return true;
}

/** Passes over `count` names; returns where they end, or -1 when they contradict the markers. */
function skipNames(data: Data, names: number, count: number, markers: number): number {
  const { bytes, view, little } = data;
  let at = names;
  for (let number = 0; number < count; number++) {
    if (number % symbolsPerMarker === 0 && at - names !== view.getUint32(markers + (number >> 8) * 4, little))
      return -1;
    let length = bytes[at++];
    if (length & 0x80) length = (length & 0x7f) | (bytes[at++] << 7);
    if (length === 0) return -1;
    at += length;
    if (at > markers) return -1;
  }
  return at;
}

/** `names` and `num_syms` before the given markers. */
function namesBefore(
  data: Data,
  markers: number,
  markerCount: number,
): { count: number; names: number } | undefined {
  const { view, little } = data;
  const last = view.getUint32(markers + (markerCount - 1) * 4, little);
  const lowest = markers - last - (longestName + 2) * symbolsPerMarker;
  for (let names = (markers - last - 2) & ~7; names >= 8 && names >= lowest; names -= 8) {
    const count = view.getUint32(names - 8, little);
    if (Math.ceil(count / symbolsPerMarker) !== markerCount) continue;
    const end = skipNames(data, names, count, markers);
    if (end >= 0 && align8(end) === markers) return { count, names };
  }
  return undefined;
}

/** The names that go with a token table: their markers end at it, or before the `seqs_of_names` that lie between. */
function findNames(data: Data, tokens: Tokens): Names | undefined {
  const { view, little } = data;
  for (const padding of [0, 4]) {
    let markers = tokens.table - padding - 4;
    while (
      markers >= 4 &&
      isMarkerStep(view.getUint32(markers, little) - view.getUint32(markers - 4, little))
    )
      markers -= 4;
    if (markers < 0 || markers % 8 !== 0 || view.getUint32(markers, little) !== 0) continue;
    const found = namesBefore(data, markers, (tokens.table - padding - markers) / 4);
    if (found) return { ...found, markers, seqs: undefined };
  }
  // Three bytes per symbol lie between: their number follows from where they would begin.
  for (let seqs = tokens.table - 8; seqs >= 0; seqs -= 8) {
    const most = Math.floor((tokens.table - seqs) / 3);
    const fewest = Math.max(1, Math.ceil((tokens.table - seqs - 7) / 3));
    for (const markerCount of new Set([
      Math.ceil(fewest / symbolsPerMarker),
      Math.ceil(most / symbolsPerMarker),
    ])) {
      const markers = seqs - align8(markerCount * 4);
      if (!areMarkers(data, markers, markerCount)) continue;
      const found = namesBefore(data, markers, markerCount);
      if (found && found.count >= fewest && found.count <= most) return { ...found, markers, seqs };
    }
  }
  return undefined;
}

/** The orders in which the kernel's generator has written the tables. */
function layouts(tokens: Tokens, found: Names): Layout[] {
  const shared = {
    num_syms: found.names - 8,
    names: found.names,
    markers: found.markers,
    token_table: tokens.table,
    token_index: tokens.index,
  };
  // Since 6.4 the addresses come behind the token index, and seqs_of_names last; before, in front of num_syms.
  const offsets = tokens.index + 512;
  const base = offsets + align8(found.count * 4);
  const baseBefore = found.names - 16;
  return [
    { ...shared, offsets, relative_base: base, seqs_of_names: base + 8 },
    {
      ...shared,
      offsets: baseBefore - align8(found.count * 4),
      relative_base: baseBefore,
      seqs_of_names: found.seqs,
    },
  ];
}

/**
 * The addresses, or undefined when they are not ascending. `perCpu`: values from 0 up are addresses themselves
 * (CONFIG_KALLSYMS_ABSOLUTE_PERCPU); otherwise every value is an unsigned distance from the base.
 */
function readAddresses(
  data: Data,
  layout: Layout,
  count: number,
  base: number,
  perCpu: boolean,
): Float64Array | undefined {
  const { view, little } = data;
  const address = new Float64Array(count);
  let previous = 0;
  for (let index = 0; index < count; index++) {
    const at = layout.offsets + index * 4;
    const value = perCpu ? view.getInt32(at, little) : view.getUint32(at, little);
    const next = perCpu ? (value >= 0 ? value : base - 1 - value) : base + value;
    // As unsigned numbers the negative ones are the higher.
    if (previous < 0 === next < 0 ? next < previous : next >= 0) return undefined;
    address[index] = next;
    previous = next;
  }
  return address;
}

/** Expands every name; its first character is the type. */
function expandNames(
  data: Data,
  tokens: Tokens,
  found: Names,
): Pick<SymbolArrays, 'type' | 'names' | 'nameStart'> {
  const { bytes } = data;
  const { starts, table } = tokens;
  const { count } = found;
  const nameStart = new Uint32Array(count + 1);
  let total = 0;
  for (let index = 0, at = found.names; index < count; index++) {
    let length = bytes[at++];
    if (length & 0x80) length = (length & 0x7f) | (bytes[at++] << 7);
    let expanded = 0;
    for (const end = at + length; at < end; at++) expanded += starts[bytes[at] + 1] - starts[bytes[at]] - 1;
    if (expanded < 2 || expanded > longestName)
      throw new FormatError(`kallsyms: the name of symbol ${index} has ${expanded - 1} characters`);
    nameStart[index] = total;
    total += expanded - 1;
  }
  if (total > mostNameBytes)
    throw new FormatError(`kallsyms: the names have ${total} bytes, more than is believed`);
  nameStart[count] = total;
  const type = new Uint8Array(count);
  const names = new Uint8Array(total);
  for (let index = 0, at = found.names, to = 0; index < count; index++) {
    let length = bytes[at++];
    if (length & 0x80) length = (length & 0x7f) | (bytes[at++] << 7);
    let first = true;
    for (const end = at + length; at < end; at++) {
      let from = table + starts[bytes[at]];
      const stop = table + starts[bytes[at] + 1] - 1;
      if (first) {
        type[index] = bytes[from++];
        first = false;
      }
      while (from < stop) names[to++] = bytes[from++];
    }
  }
  return { type, names, nameStart };
}

/** The kernel's own sorted order, or undefined when it does not sort. */
function readOrder(data: Data, at: number, arrays: Omit<SymbolArrays, 'byName'>): Uint32Array | undefined {
  const { bytes } = data;
  const count = arrays.address.length;
  const order = new Uint32Array(count);
  const seen = new Uint8Array(count);
  for (let number = 0, from = at; number < count; number++, from += 3) {
    const index = (bytes[from] << 16) | (bytes[from + 1] << 8) | bytes[from + 2];
    if (index >= count || seen[index]) return undefined;
    seen[index] = 1;
    order[number] = index;
    if (number === 0) continue;
    const difference = compareNames(arrays, order[number - 1], index);
    // The table ascends by address, so the lower index is the lower address.
    if (difference > 0 || (difference === 0 && order[number - 1] > index)) return undefined;
  }
  return order;
}

function sortByName(arrays: Omit<SymbolArrays, 'byName'>): Uint32Array {
  return Uint32Array.from(arrays.address, (_, index) => index).sort(
    (a, b) => compareNames(arrays, a, b) || a - b,
  );
}

/** Checks that need the finished symbols; returns what is wrong, or undefined. */
function contradiction(data: Data, layout: Layout, base: number, symbols: KernelSymbols): string | undefined {
  const texts = symbols.find('_text');
  if (texts.length !== 1 || symbols.address[texts[0]] !== base)
    return `_text is ${texts.length === 1 ? hex(symbols.address[texts[0]]) : 'missing'}, relative_base ${hex(base)}`;
  if (!data.elf.sections.some((section) => section.address === base && isAllocated(section)))
    return `no section begins at ${hex(base)}, the relative_base`;
  for (const [table, offset] of Object.entries(layout)) {
    const listed = symbols.find(`kallsyms_${table}`);
    if (offset === undefined || listed.length !== 1) continue;
    const address = data.section.address + offset;
    if (symbols.address[listed[0]] !== address)
      return `kallsyms_${table} is listed at ${hex(symbols.address[listed[0]])} and was found at ${hex(address)}`;
  }
  return undefined;
}

function hex(address: number): string {
  return `0x${BigInt.asUintN(64, BigInt(address)).toString(16)}`;
}

/** Takes a layout at its word and checks all that must hold of it; a string says what does not. */
function tryLayout(
  data: Data,
  tokens: Tokens,
  found: Names,
  layout: Layout,
  perCpu: boolean,
): KernelSymbols | string {
  const { count } = found;
  const end = Math.max(layout.relative_base + 8, (layout.seqs_of_names ?? 0) + count * 3);
  if (layout.offsets < 0 || end > data.bytes.length) return 'the tables leave the section';
  const { view, little } = data;
  const high = view.getInt32(layout.relative_base + (little ? 4 : 0), little);
  const base = high * 0x100000000 + view.getUint32(layout.relative_base + (little ? 0 : 4), little);
  if (high >= 0 || !Number.isSafeInteger(base)) return 'relative_base is no kernel address';
  const address = readAddresses(data, layout, count, base, perCpu);
  if (!address) return 'the addresses do not ascend';
  const named = { address, ...expandNames(data, tokens, found) };
  const byName =
    layout.seqs_of_names === undefined ? sortByName(named) : readOrder(data, layout.seqs_of_names, named);
  if (!byName) return 'seqs_of_names does not sort the names';
  const symbols = makeSymbols({ ...named, byName });
  return contradiction(data, layout, base, symbols) ?? symbols;
}

/**
 * Reads the symbols of a kernel image out of its own kallsyms tables, static ones too, with no symbol table and no `System.map`.
 *
 * Both orders of the tables are tried, that of 6.4 and later and the one before, and accepted only when everything fits: markers,
 * ascending addresses, names in sorted order, `_text` at the base, and the tables where the kernel itself lists them.
 *
 * @param elf a `vmlinux` as {@link readBzImage} unpacks it
 * @throws {FormatError} when neither order fits, saying what was found and what did not
 * @see the kernel's scripts/kallsyms.c, which writes the tables, and kernel/kallsyms.c, which reads them
 */
export function readKallsyms(elf: ElfFile): KernelSymbols {
  const section = findSection(elf, '.rodata');
  if (!section) throw new FormatError('kallsyms: the kernel has no .rodata section');
  const bytes = sectionBytes(elf, section);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data: Data = { elf, section, bytes, view, little: elf.littleEndian };
  const reasons = new Set<string>();
  for (const tokens of findTokens(data)) {
    const found = findNames(data, tokens);
    if (!found) {
      reasons.add(`no names belong to the token table at .rodata+0x${tokens.table.toString(16)}`);
      continue;
    }
    for (const layout of layouts(tokens, found))
      for (const perCpu of [true, false]) {
        const result = tryLayout(data, tokens, found, layout, perCpu);
        if (typeof result !== 'string') return result;
        reasons.add(result);
      }
  }
  throw new FormatError(
    `kallsyms: no known order of the tables fits; ${reasons.size === 0 ? 'there is no token table in .rodata' : [...reasons].join('; ')}`,
  );
}
