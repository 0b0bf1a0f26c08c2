import {
  type ElfFile,
  EM,
  readElf,
  readSymbols,
  type Section,
  SHF,
  SHN,
  STB,
  STT,
  type SymbolTable,
  sectionBytes,
} from '@klpkit/formats';
import type { KlpRelocation, Livepatch } from './read-types.ts';

/** A KLP relocation with where it stands and what it does, in words. */
export interface ExplainedRelocation {
  readonly relocation: KlpRelocation;
  /** The function or variable whose bytes are written, and how far in: `klpp_foo`, 0x1a; the section where no symbol covers the place. */
  readonly user: string;
  readonly offset: number;
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
    const place = section && places.at(section, relocation.offset);
    const user = place?.name ?? relocation.target;
    const offset = place ? relocation.offset - place.start : relocation.offset;
    const use = section ? useOf(elf, section, relocation) : 'refer';
    const symbol =
      relocation.symbolObject === undefined || relocation.name === undefined
        ? relocation.symbol
        : symbolWords(relocation.symbolObject, relocation.name, relocation.sympos ?? 0);
    const when = whenOf(relocation.patchedObject, livepatch, patched);
    const size = relocation.size ?? 0;
    const verb = { call: 'call', jump: 'jump to', refer: 'refer to' }[use];
    const words = `the ${size} bytes at ${user}+0x${offset.toString(16)} ${verb} ${symbol}; ${when}`;
    return { relocation, user, offset, use, symbol, when, words };
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

/** Named stretches of a module's sections. */
class Places {
  readonly #bySection = new Map<number, { name: string; start: number; end: number; rank: number }[]>();

  constructor(elf: ElfFile) {
    const symbols = readSymbols(elf);
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

  at({ index }: Section, offset: number): { readonly name: string; readonly start: number } | undefined {
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
      if (offset < list[at].end && (at === 0 || list[at - 1].start !== last.start)) return list[at];
    return undefined;
  }
}

/** klpkit's own second names of new functions stand behind the plain ones. */
function rankOf(symbols: SymbolTable, index: number): number {
  if (symbols.name(index).startsWith('__klpkit_new_')) return 2;
  return symbols.binding[index] === STB.LOCAL ? 0 : 1;
}
