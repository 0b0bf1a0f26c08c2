import {
  type ElfFile,
  ET,
  FormatError,
  isAllocated,
  readElf,
  readModuleInfo,
  readRela,
  readSymbols,
  readVersions,
  SHF,
  SHN,
  SHT,
  STB,
  STT,
  type SymbolTable,
  sectionBytes,
} from '@klpkit/formats';
import { type KlpSymbolName, parseKlpSection, parseKlpSymbol } from './klp-names.ts';
import { type KlpLayout, usualLayout } from './layout.ts';
import { readBuilderTables } from './read-builders.ts';
import { readTables } from './read-tables.ts';
import type { KlpRelocation, KlpSection, Livepatch } from './read-types.ts';
import { relocationName, relocationSize } from './relocation-types.ts';

/**
 * Reads back what a livepatch module holds, whoever built it: its marks, the tables of functions out of its data and
 * relocations, and its KLP relocations. Says nothing of whether the kernel would like it: that is for the rules.
 *
 * @param ko the bytes of a `.ko`, not compressed
 * @param layout of the structures of the kernel that it is for
 * @throws {FormatError} for a file that is no ELF file of a module, or contradicts itself
 */
export function readLivepatch(ko: Uint8Array, layout: KlpLayout = usualLayout): Livepatch {
  const elf = readElf(ko);
  if (elf.type !== ET.REL)
    throw new FormatError(`elf: type ${elf.type} at offset 16, a module has 1 (relocatable)`);
  const symbols = readSymbols(elf);
  const info = readModuleInfo(elf);
  const undefinedSymbols: { name: string; weak: boolean }[] = [];
  const commonSymbols: string[] = [];
  for (let index = 1; index < symbols.count; index++) {
    const name = symbols.name(index);
    if (symbols.section[index] === SHN.COMMON) commonSymbols.push(name);
    if (symbols.section[index] === SHN.UNDEF && name !== '' && symbols.type[index] !== STT.SECTION)
      undefinedSymbols.push({ name, weak: symbols.binding[index] === STB.WEAK });
  }
  return {
    machine: elf.machine,
    name: info.get('name') ?? '',
    vermagic: info.get('vermagic'),
    license: info.get('license'),
    mark: info.get('livepatch'),
    patch: readTables(elf, symbols, layout) ?? readBuilderTables(elf, symbols),
    ...readKlp(elf, symbols),
    undefinedSymbols,
    commonSymbols,
    hasSymbols: symbols.count > 1,
    versions: readVersions(elf),
  };
}

function readKlp(
  elf: ElfFile,
  symbols: SymbolTable,
): { klpSections: KlpSection[]; klpRelocations: KlpRelocation[] } {
  const klpSections: KlpSection[] = [];
  const klpRelocations: KlpRelocation[] = [];
  // Few symbols have many relocations.
  const named = new Map<number, { name: string; parts: KlpSymbolName | undefined }>();
  const nameOf = (symbol: number) => {
    const known = named.get(symbol);
    if (known) return known;
    const name = symbol < symbols.count ? symbols.name(symbol) : '';
    const read = { name, parts: parseKlpSymbol(name) };
    named.set(symbol, read);
    return read;
  };
  const symtab = elf.sections.find(({ type }) => type === SHT.SYMTAB);
  for (const section of elf.sections) {
    const isFlagged = (section.flags & SHF.RELA_LIVEPATCH) !== 0;
    if (!isFlagged && !section.name.startsWith('.klp.rela.')) continue;
    const target = section.info === 0 ? undefined : elf.sections[section.info];
    const object = parseKlpSection(section.name);
    klpSections.push({
      name: section.name,
      object,
      type: section.type,
      flags: section.flags,
      linksToSymbols: symtab !== undefined && section.link === symtab.index,
      target: target?.name,
      targetIsLoaded: target !== undefined && isAllocated(target),
    });
    if (section.type !== SHT.RELA) continue;
    const rela = readRela(elf, section);
    const bytes = target ? sectionBytes(elf, target) : new Uint8Array(0);
    for (let index = 0; index < rela.count; index++) {
      const symbol = rela.symbol[index];
      const { name, parts } = nameOf(symbol);
      const size = relocationSize(elf.machine, rela.type[index]);
      const written = bytes.subarray(rela.offset[index], rela.offset[index] + (size ?? 0));
      klpRelocations.push({
        section: section.name,
        patchedObject: object,
        symbol: name,
        isMarked: symbol < symbols.count && symbols.section[symbol] === SHN.LIVEPATCH,
        symbolObject: parts?.object,
        name: parts?.name,
        sympos: parts?.sympos,
        target: target?.name ?? '',
        offset: rela.offset[index],
        type: rela.type[index],
        typeName: relocationName(elf.machine, rela.type[index]),
        addend: rela.addend[index],
        size,
        isZero: written.every((byte) => byte === 0),
      });
    }
  }
  return { klpSections, klpRelocations };
}
