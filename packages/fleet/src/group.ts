import {
  readElf,
  readRela,
  readSymbols,
  type Section,
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
  const relocations = new Map<number, { offset: number; type: number; symbol: number; addend: number }[]>();
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
  const functions: NormalFunction[] = [];
  for (const { name: object, functions: patched } of livepatch.patch?.objects ?? [])
    for (const { oldName, newSymbol } of patched) {
      const index = newSymbol === undefined ? -1 : indexOf(symbols, newSymbol);
      const section = elf.sections[symbols.section[index] ?? 0];
      if (index < 0 || !section) continue;
      const start = Number(symbols.value[index]);
      const end = start + Number(symbols.size[index]);
      const code = sectionBytes(elf, section).slice(start, end);
      const references = (relocations.get(section.index) ?? [])
        .filter(({ offset }) => offset >= start && offset < end)
        .sort((a, b) => a.offset - b.offset)
        .map(({ offset, type, symbol, addend }) => {
          const at = offset - start;
          code.fill(0, at, at + (wide.has(type) ? 8 : 4));
          return `${at} ${type} ${targetOf(symbols, symbol, addend, elf.sections, (one) => sectionBytes(elf, one))}`;
        });
      functions.push({ object, name: oldName, digest: contentKey(code, references.join('\n')) });
    }
  functions.sort((a, b) => (a.object + a.name < b.object + b.name ? -1 : 1));
  return {
    key: contentKey(...functions.map(({ object, name, digest }) => `${object} ${name} ${digest}`)),
    functions,
  };
}

function indexOf(symbols: SymbolTable, name: string): number {
  for (let i = 1; i < symbols.count; i++) if (symbols.name(i) === name) return i;
  return -1;
}

/** A reference without what differs from kernel to kernel: by name, or by what it points at. */
function targetOf(
  symbols: SymbolTable,
  symbol: number,
  addend: number,
  sections: readonly Section[],
  bytesOf: (section: Section) => Uint8Array,
): string {
  const name = symbols.name(symbol);
  const klp = /^\.klp\.sym\.([^.]+)\.(.*),\d+$/.exec(name);
  if (klp) return `${klp[1]}:${klp[2]}+${addend}`;
  const section = sections[symbols.section[symbol] ?? 0];
  if (symbols.type[symbol] !== STT.SECTION || !section) return `${name.replace(/\.\d+$/, '')}+${addend}`;
  // Strings have no names: what is written there counts. A reference from code is 4 bytes before the end of its field.
  if (!section.name.includes('.str')) return section.name.replace(/\.\d+$/, '');
  const bytes = bytesOf(section);
  const from = Number(symbols.value[symbol]) + addend;
  for (const at of [from, from + 4])
    if (at >= 0 && at < bytes.length && (at === 0 || bytes[at - 1] === 0)) {
      const end = bytes.indexOf(0, at);
      return `"${new TextDecoder().decode(bytes.subarray(at, end < 0 ? bytes.length : end))}"`;
    }
  return `${section.name}+${addend}`;
}
