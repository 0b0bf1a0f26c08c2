import {
  type ElfFile,
  ET,
  findSection,
  readRela,
  readSymbols,
  type Section,
  SHT,
  sectionBytes,
} from '../elf/index.ts';
import { FormatError } from '../error.ts';

/** A symbol that the kernel or a module exports. */
export interface ExportedSymbol {
  readonly name: string;
  /** Of CONFIG_MODVERSIONS; `undefined` without it. */
  readonly crc: number | undefined;
  /** True for EXPORT_SYMBOL_GPL and its relatives. */
  readonly gpl: boolean;
  /** `undefined` outside any namespace. */
  readonly namespace: string | undefined;
  /** Signed address in a linked kernel; in a module, bytes from the start of the section that holds it. */
  readonly address: number;
}

/** `struct kernel_symbol` with CONFIG_HAVE_ARCH_PREL32_RELOCATIONS: three s32, each relative to its own place. */
const entrySize = 12;
const longestText = 1024;

const tables = [
  { symbols: '__ksymtab', crcs: '__kcrctab', gpl: false },
  { symbols: '__ksymtab_gpl', crcs: '__kcrctab_gpl', gpl: true },
];

function text(bytes: Uint8Array, at: number, what: string): string {
  let value = '';
  for (let index = at; bytes[index] !== 0; index++) {
    if (index < 0 || index >= bytes.length || value.length === longestText)
      throw new FormatError(`exports: ${what} at 0x${at.toString(16)} of its section has no end`);
    value += String.fromCharCode(bytes[index]);
  }
  return value;
}

/** Where the three words of an entry point: the value's address, and the place of both strings. */
interface Targets {
  readonly address: number;
  readonly name: string;
  readonly namespace: string;
}

/** In a linked file the words hold distances, and addresses lead to sections. */
function linkedTargets(elf: ElfFile, table: Section): (at: number) => Targets {
  const allocated = elf.sections.filter((section) => section.type === SHT.PROGBITS && section.address !== 0);
  let recent: { section: Section; bytes: Uint8Array } | undefined;
  const textAt = (address: number, what: string): string => {
    const holds = (section: Section) =>
      address >= section.address && address < section.address + section.size;
    if (!recent || !holds(recent.section)) {
      const section = allocated.find(holds);
      if (!section) throw new FormatError(`exports: ${what} of ${table.name} lies in no section`);
      recent = { section, bytes: sectionBytes(elf, section) };
    }
    return text(recent.bytes, address - recent.section.address, what);
  };
  return (at) => {
    const target = (word: number) =>
      table.address + at + word + elf.view.getInt32(table.offset + at + word, elf.littleEndian);
    const what = `the entry at +0x${at.toString(16)}`;
    return { address: target(0), name: textAt(target(4), what), namespace: textAt(target(8), what) };
  };
}

/** In a relocatable file every word has a relocation. */
function relocatableTargets(elf: ElfFile, table: Section): (at: number) => Targets {
  const section = elf.sections.find(
    (candidate) => candidate.type === SHT.RELA && candidate.info === table.index,
  );
  if (!section) throw new FormatError(`exports: ${table.name} has no relocations`);
  const symbols = readSymbols(elf);
  const rela = readRela(elf, section);
  const byOffset = new Map<number, number>();
  for (let index = 0; index < rela.count; index++) byOffset.set(rela.offset[index], index);
  const target = (at: number): { section: Section | undefined; offset: number } => {
    const index = byOffset.get(at);
    if (index === undefined || rela.symbol[index] >= symbols.count)
      throw new FormatError(`exports: no relocation for ${table.name}+0x${at.toString(16)}`);
    const symbol = rela.symbol[index];
    return {
      section: symbols.reserved[symbol] ? undefined : elf.sections[symbols.section[symbol]],
      offset: symbols.value[symbol] + rela.addend[index],
    };
  };
  const textAt = (at: number): string => {
    const place = target(at);
    if (!place.section)
      throw new FormatError(`exports: ${table.name}+0x${at.toString(16)} points into no section`);
    return text(
      sectionBytes(elf, place.section),
      place.offset,
      `the text of ${table.name}+0x${at.toString(16)}`,
    );
  };
  return (at) => ({ address: target(at).offset, name: textAt(at + 4), namespace: textAt(at + 8) });
}

/**
 * What a kernel or a module exports, by name; empty for a file that exports nothing.
 *
 * @param elf a `vmlinux` (no symbol table is needed) or a module
 * @throws {FormatError} for tables that do not fit together
 * @see the kernel's include/linux/export-internal.h and kernel/module/internal.h, `struct kernel_symbol`
 */
export function readExports(elf: ElfFile): Map<string, ExportedSymbol> {
  const found = new Map<string, ExportedSymbol>();
  for (const { symbols, crcs, gpl } of tables) {
    const table = findSection(elf, symbols);
    if (!table || table.size === 0) continue;
    if (table.type !== SHT.PROGBITS || table.size % entrySize !== 0)
      throw new FormatError(`exports: ${symbols} has ${table.size} bytes, no multiple of ${entrySize}`);
    const crcSection = findSection(elf, crcs);
    const crcBytes = crcSection && sectionBytes(elf, crcSection);
    if (crcBytes && crcBytes.length !== (table.size / entrySize) * 4)
      throw new FormatError(
        `exports: ${crcs} has ${crcBytes.length} bytes for ${table.size / entrySize} symbols`,
      );
    const crcView = crcBytes && new DataView(crcBytes.buffer, crcBytes.byteOffset, crcBytes.byteLength);
    const targets = elf.type === ET.REL ? relocatableTargets(elf, table) : linkedTargets(elf, table);
    for (let at = 0; at < table.size; at += entrySize) {
      const { address, name, namespace } = targets(at);
      found.set(name, {
        name,
        crc: crcView?.getUint32((at / entrySize) * 4, elf.littleEndian),
        gpl,
        namespace: namespace === '' ? undefined : namespace,
        address,
      });
    }
  }
  return found;
}
