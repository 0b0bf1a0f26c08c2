import {
  type ElfFile,
  EM,
  readElf,
  readRela,
  readSymbols,
  type Section,
  SHF,
  SHN,
  SHT,
  STB,
  STT,
  type SymbolTable,
  sectionBytes,
} from '@klpkit/formats';
import type { KlpRelocation, Livepatch } from './read-types.ts';

/** A KLP relocation with where it stands and what it does, in words. */
export interface ExplainedRelocation {
  readonly relocation: KlpRelocation;
  /**
   * The function or variable whose bytes are written, and how far in: `klpp_foo`, 0x1a. Of an entry in a table beside the code, the place
   * that it is about. The section where no symbol covers the place.
   */
  readonly user: string;
  readonly offset: number;
  /** The table that holds the entry; absent for code and variables. */
  readonly table?: string;
  /** What the code does with the symbol: `call` and `jump` are told from the instruction, everything else is `refer`. */
  readonly use: 'call' | 'jump' | 'refer';
  /** `bar of the module ext4, the 2nd of that name`. */
  readonly symbol: string;
  /** When the kernel resolves it: `while the livepatch loads`, `when ext4 is there`. */
  readonly when: string;
  /** All of it as one sentence. */
  readonly words: string;
}

/** `1st`, `2nd`, `3rd`, `4th`. */
function ordinal(number: number): string {
  const teens = number % 100 >= 11 && number % 100 <= 13;
  const end = teens ? 'th' : (['th', 'st', 'nd', 'rd'][number % 10] ?? 'th');
  return `${number}${end}`;
}

/** An object of the kernel in words. */
export function objectWords(object: string): string {
  return object === 'vmlinux' ? 'vmlinux' : `the module ${object}`;
}

/** A symbol of the kernel with its position in words. */
export function symbolWords(object: string, name: string, sympos: number): string {
  return `${name} of ${objectWords(object)}${sympos > 0 ? `, the ${ordinal(sympos)} of that name` : ''}`;
}

/**
 * Says of every KLP relocation of a livepatch what it is for.
 *
 * @param ko the bytes that `livepatch` was read from
 */
export function explainRelocations(ko: Uint8Array, livepatch: Livepatch): ExplainedRelocation[] {
  const elf = readElf(ko);
  const places = new Places(elf);
  const patched = new Set(livepatch.patch?.objects.map(({ name }) => name) ?? []);
  return livepatch.klpRelocations.map((relocation) => {
    const section = elf.sections.find(({ name }) => name === relocation.target);
    const own = section && places.at(section, relocation.offset);
    const entry = section && !own ? places.ofEntry(section, relocation.offset) : undefined;
    const place = own ?? entry;
    const user = place?.name ?? relocation.target;
    const offset = place?.offset ?? relocation.offset;
    const use = section ? useOf(elf, section, relocation) : 'refer';
    const symbol =
      relocation.symbolObject === undefined || relocation.name === undefined
        ? relocation.symbol
        : symbolWords(relocation.symbolObject, relocation.name, relocation.sympos ?? 0);
    const when = whenOf(relocation.patchedObject, livepatch, patched);
    const size = relocation.size ?? 0;
    const verb = { call: 'call', jump: 'jump to', refer: 'refer to' }[use];
    const at = `${user}+0x${offset.toString(16)}`;
    const subject = entry
      ? `the entry of ${relocation.target} for ${at} refers to`
      : `the ${size} bytes at ${at} ${verb}`;
    const table = entry ? { table: relocation.target } : {};
    return { relocation, user, offset, ...table, use, symbol, when, words: `${subject} ${symbol}; ${when}` };
  });
}

function whenOf(object: string | undefined, { patch }: Livepatch, patched: ReadonlySet<string>): string {
  if (object === undefined) return 'never resolved: its section has no name that the kernel reads';
  if (object === 'vmlinux') return 'resolved while the livepatch loads';
  if (patch && !patched.has(object)) return `never resolved: the livepatch does not patch ${object}`;
  return `resolved when ${object} is loaded, at once if it is already`;
}

function useOf(elf: ElfFile, section: Section, { offset }: KlpRelocation): ExplainedRelocation['use'] {
  if (elf.machine !== EM.X86_64 || (section.flags & SHF.EXECINSTR) === 0 || offset < 1) return 'refer';
  const bytes = sectionBytes(elf, section);
  const [second, first] = [bytes[offset - 2], bytes[offset - 1]];
  if (first === 0xe8) return 'call';
  if (first === 0xe9 || (second === 0x0f && first >= 0x80 && first <= 0x8f)) return 'jump';
  return 'refer';
}

/** Bytes of an entry of the tables that KLP relocations occur in; each begins with the distance to the code that it is about. */
const entrySizes: Readonly<Record<string, number>> = { '.static_call_sites': 8, __jump_table: 16 };

/** A place with a name. */
interface Place {
  readonly name: string;
  /** Bytes from the start of what has the name. */
  readonly offset: number;
}

/** Named stretches of a module's sections. */
class Places {
  readonly #elf: ElfFile;
  readonly #symbols: SymbolTable;
  /** Where the entries of a table lead, by section and offset of the entry. */
  readonly #entries = new Map<number, Map<number, Place | undefined>>();
  readonly #bySection = new Map<number, { name: string; start: number; end: number; rank: number }[]>();

  constructor(elf: ElfFile) {
    const symbols = readSymbols(elf);
    this.#elf = elf;
    this.#symbols = symbols;
    for (let index = 1; index < symbols.count; index++) {
      const section = symbols.section[index];
      const type = symbols.type[index];
      if (section === SHN.UNDEF || section >= elf.sections.length || symbols.size[index] === 0) continue;
      if (type !== STT.FUNC && type !== STT.OBJECT) continue;
      const start = symbols.value[index];
      const list = this.#bySection.get(section);
      const entry = {
        name: symbols.name(index),
        start,
        end: start + symbols.size[index],
        rank: rankOf(symbols, index),
      };
      if (list) list.push(entry);
      else this.#bySection.set(section, [entry]);
    }
    for (const list of this.#bySection.values()) list.sort((a, b) => a.start - b.start || a.rank - b.rank);
  }

  /** The code that an entry of a table is about. */
  ofEntry(section: Section, offset: number): Place | undefined {
    const size = entrySizes[section.name];
    if (size === undefined) return undefined;
    let known = this.#entries.get(section.index);
    if (!known) {
      known = this.#readEntries(section, size);
      this.#entries.set(section.index, known);
    }
    return known.get(offset - (offset % size));
  }

  #readEntries({ index }: Section, size: number): Map<number, Place | undefined> {
    const entries = new Map<number, Place | undefined>();
    for (const rela of this.#elf.sections) {
      if (rela.type !== SHT.RELA || rela.info !== index || (rela.flags & SHF.RELA_LIVEPATCH) !== 0) continue;
      const table = readRela(this.#elf, rela);
      for (let at = 0; at < table.count; at++) {
        const symbol = table.symbol[at];
        if (table.offset[at] % size !== 0 || symbol >= this.#symbols.count) continue;
        const target = this.#elf.sections[this.#symbols.section[symbol]];
        const place = target && this.at(target, this.#symbols.value[symbol] + table.addend[at]);
        entries.set(table.offset[at], place);
      }
    }
    return entries;
  }

  at({ index }: Section, offset: number): Place | undefined {
    const list = this.#bySection.get(index);
    if (!list) return undefined;
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (list[middle].start <= offset) low = middle + 1;
      else high = middle;
    }
    const last = list[low - 1];
    // Of several names at one place, the one that a trace would show.
    for (let at = low - 1; at >= 0 && list[at].start === last.start; at--)
      if (offset < list[at].end && (at === 0 || list[at - 1].start !== last.start))
        return { name: list[at].name, offset: offset - list[at].start };
    return undefined;
  }
}

/** klpkit's own second names of new functions stand behind the plain ones. */
function rankOf(symbols: SymbolTable, index: number): number {
  if (symbols.name(index).startsWith('__klpkit_new_')) return 2;
  return symbols.binding[index] === STB.LOCAL ? 0 : 1;
}
