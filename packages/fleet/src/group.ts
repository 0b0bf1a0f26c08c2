import {
  readElf,
  readRela,
  readSymbols,
  type Section,
  SHF,
  SHN,
  SHT,
  STT,
  type SymbolTable,
  sectionBytes,
} from '@klpkit/formats';
import { contentKey } from '@klpkit/host';
import { readLivepatch } from '@klpkit/livepatch';

/** A replaced function, made comparable across kernels. */
export interface NormalFunction {
  readonly object: string;
  readonly name: string;
  /** Digest of its new code, with every reference by name and no position in it. */
  readonly digest: string;
}

/** What a livepatch changes, as far as a reviewer of another kernel's livepatch would have to read it again. */
export interface ChangeSet {
  /** Equal for livepatches that replace the same functions by the same code. */
  readonly key: string;
  readonly functions: readonly NormalFunction[];
}

/** Bytes that an x86-64 relocation fills (psABI, table of relocation types): 8 for R_X86_64_64 and _PC64, else 4. */
const wide = new Set([1, 24]);

/**
 * Reads out of a livepatch which functions it replaces by which code. Addresses, positions of equal names, and the order of
 * functions do not count: `.klp.sym.vmlinux.foo,2` of one kernel and `…,3` of another are the same reference.
 *
 * @throws {FormatError} for a file that is no livepatch module
 */
export function changeSet(ko: Uint8Array): ChangeSet {
  const elf = readElf(ko);
  const symbols = readSymbols(elf);
  const livepatch = readLivepatch(ko);
  const relocations = new Map<number, Relocation[]>();
  for (const section of elf.sections) {
    if (section.type !== SHT.RELA) continue;
    const table = readRela(elf, section);
    const list = relocations.get(section.info) ?? [];
    for (let i = 0; i < table.count; i++)
      list.push({
        offset: Number(table.offset[i]),
        type: table.type[i] ?? 0,
        symbol: table.symbol[i] ?? 0,
        addend: Number(table.addend[i]),
      });
    relocations.set(section.info, list);
  }
  const place: Place = { elf, symbols, relocations, data: new Map() };
  const functions: NormalFunction[] = [];
  const replacing = new Set<number>();
  for (const { name: object, functions: patched } of livepatch.patch?.objects ?? [])
    for (const { oldName, newSymbol } of patched) {
      const index = newSymbol === undefined ? -1 : indexOf(symbols, newSymbol);
      const digest = index < 0 ? undefined : codeDigest(place, index);
      if (digest === undefined) continue;
      replacing.add(index);
      functions.push({ object, name: oldName, digest });
    }
  functions.sort((a, b) => (a.object + a.name < b.object + b.name ? -1 : 1));
  return {
    key: contentKey(
      ...functions.map(({ object, name, digest }) => `${object} ${name} ${digest}`),
      ...ownFunctions(place, replacing),
    ),
    functions,
  };
}

/** Where code and what it refers to is looked up. */
interface Place {
  readonly elf: ReturnType<typeof readElf>;
  readonly symbols: SymbolTable;
  /** By the section that they change. */
  readonly relocations: ReadonlyMap<number, readonly Relocation[]>;
  /** Digests of data that were made, by section: in a linked module most references lead to a few large ones. */
  readonly data: Map<number, string>;
}

interface Relocation {
  readonly offset: number;
  readonly type: number;
  readonly symbol: number;
  readonly addend: number;
}

/** Functions that the livepatch brings besides: new ones of the fix, cold parts. Its own start and end are like any other's. */
function ownFunctions(place: Place, replacing: ReadonlySet<number>): string[] {
  const { elf, symbols } = place;
  const own: string[] = [];
  for (let index = 1; index < symbols.count; index++) {
    const section = elf.sections[symbols.section[index] ?? 0];
    if (symbols.type[index] !== STT.FUNC || replacing.has(index) || !section) continue;
    if (/^\.(init|exit)\./.test(section.name)) continue;
    const digest = codeDigest(place, index);
    if (digest !== undefined) own.push(`${plainName(symbols.name(index))} ${digest}`);
  }
  return own.sort();
}

/** Digest of a function's code, with every reference by name or by what it points at; undefined where it is not in this file. */
function codeDigest(place: Place, index: number): string | undefined {
  const { elf, symbols, relocations } = place;
  const section = elf.sections[symbols.section[index] ?? 0];
  if (!section || symbols.section[index] === SHN.UNDEF) return undefined;
  const start = Number(symbols.value[index]);
  const end = start + Number(symbols.size[index]);
  const code = sectionBytes(elf, section).slice(start, end);
  const references = (relocations.get(section.index) ?? [])
    .filter(({ offset }) => offset >= start && offset < end)
    .sort((a, b) => a.offset - b.offset)
    .map((relocation) => {
      const at = relocation.offset - start;
      code.fill(0, at, at + (wide.has(relocation.type) ? 8 : 4));
      return `${at} ${relocation.type} ${targetOf(place, relocation)}`;
    });
  return contentKey(code, references.join('\n'));
}

function indexOf(symbols: SymbolTable, name: string): number {
  for (let i = 1; i < symbols.count; i++) if (symbols.name(i) === name) return i;
  return -1;
}

/** A reference without what differs from kernel to kernel: by name, or by what it points at. */
function targetOf(place: Place, { symbol, addend }: Relocation): string {
  const { elf, symbols } = place;
  const name = symbols.name(symbol);
  const klp = /^\.klp\.sym\.([^.]+)\.(.*),\d+$/.exec(name);
  if (klp) return `${klp[1]}:${klp[2]}+${addend}`;
  const section = elf.sections[symbols.section[symbol] ?? 0];
  const isOwn = section !== undefined && symbols.section[symbol] !== SHN.UNDEF;
  const from = Number(symbols.value[symbol]) + addend;
  if (isOwn && section.name.includes('.str')) {
    // Strings have no names: what is written there counts. A reference from code is 4 bytes before the end of its field.
    const bytes = sectionBytes(elf, section);
    for (const at of [from, from + 4])
      if (at >= 0 && at < bytes.length && (at === 0 || bytes[at - 1] === 0)) {
        const end = bytes.indexOf(0, at);
        return `"${new TextDecoder().decode(bytes.subarray(at, end < 0 ? bytes.length : end))}"`;
      }
  }
  if (symbols.type[symbol] !== STT.SECTION || !section) {
    const isData = isOwn && symbols.type[symbol] === STT.OBJECT && section.type === SHT.PROGBITS;
    return `${plainName(name)}+${addend}${isData ? ` ${dataDigest(place, section)}` : ''}`;
  }
  return `${plainName(section.name)}${section.type === SHT.PROGBITS ? ` ${dataDigest(place, section)}` : ''}`;
}

/** Digest of the data of a section of its own; of what relocations fill in only that there is something. */
function dataDigest({ elf, relocations, data }: Place, section: Section): string {
  if ((section.flags & SHF.EXECINSTR) !== 0) return '';
  const known = data.get(section.index);
  if (known !== undefined) return known;
  const bytes = sectionBytes(elf, section).slice();
  for (const { offset, type } of relocations.get(section.index) ?? [])
    bytes.fill(0, offset, offset + (wide.has(type) ? 8 : 4));
  const digest = contentKey(bytes);
  data.set(section.index, digest);
  return digest;
}

/** A name without the number that the compiler made it unique by. */
function plainName(name: string): string {
  return name.replace(/\.\d+$/, '');
}
