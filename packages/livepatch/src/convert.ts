import { type Finding, Refusal } from '@klpkit/findings';
import {
  type ElfFile,
  ET,
  FormatError,
  isAllocated,
  type RelaTable,
  readElf,
  readRela,
  readSymbols,
  type Section,
  SHF,
  SHN,
  SHT,
  STB,
  type SymbolTable,
  sectionBytes,
} from '@klpkit/formats';
import { earlyUse } from './early-sections.ts';
import { klpSectionName, klpSymbolName, parseKlpSection, parseKlpSymbol } from './klp-names.ts';
import { relocationName, relocationSize } from './relocation-types.ts';
import { type DraftSection, draftSections, GrowingStrings, writeRelocatable } from './rewrite.ts';
import type { Placeholder } from './types.ts';

/** Options of {@link convertKlp}. */
export interface ConvertOptions {
  /** What a section holds that the kernel reads before late relocations are applied; {@link earlyUse} when not given. */
  readonly earlyUse?: (section: string) => string | undefined;
  /** True for symbols that the module loader finds among the kernel's exports. When given, any other undefined symbol is refused. */
  readonly isExport?: (name: string) => boolean;
  /**
   * The klp_object whose code lies in a section (by index), for a symbol of a module that code of several objects uses; `undefined`, or
   * not given: that of the placeholder.
   */
  readonly patchedIn?: (section: number, placeholder: Placeholder) => string | undefined;
}

const symbolSize = 24;
const relaSize = 24;

interface Sections {
  readonly symtab: Section;
  readonly strtab: Section;
  readonly extended: Section | undefined;
}

function tables(elf: ElfFile): Sections {
  if (elf.type !== ET.REL)
    throw new FormatError(`livepatch: ELF type ${elf.type} at offset 16, a module has ${ET.REL}`);
  const symtab = elf.sections.find((section) => section.type === SHT.SYMTAB);
  const strtab = symtab && elf.sections[symtab.link];
  if (!symtab || !strtab) throw new FormatError('livepatch: the module has no symbol table');
  const extended = elf.sections.find((section) => section.type === SHT.SYMTAB_SHNDX);
  return { symtab, strtab, extended };
}

/** What becomes of the undefined symbols that are placeholders. */
interface Conversion {
  /** Symbol index → the placeholder. */
  readonly placeholders: ReadonlyMap<number, Placeholder>;
  /** Symbol index → index of the symbol that stands for it: itself, or the first with the same KLP name. */
  readonly standsFor: ReadonlyMap<number, number>;
}

function findPlaceholders(
  symbols: SymbolTable,
  placeholders: readonly Placeholder[],
  options: ConvertOptions,
  findings: Finding[],
): Conversion {
  const bySymbol = new Map<string, Placeholder>();
  for (const placeholder of placeholders) {
    const other = bySymbol.get(placeholder.symbol);
    const isSame =
      other === undefined ||
      (klpSymbolName(other) === klpSymbolName(placeholder) && other.patched === placeholder.patched);
    if (!isSame)
      findings.push({
        id: 'placeholder-ambiguous',
        severity: 'error',
        what: `${placeholder.symbol} stands for ${klpSymbolName(placeholder)} in code for ${placeholder.patched} and for ${klpSymbolName(other)} in code for ${other.patched}`,
        next: 'give each its own placeholder',
      });
    bySymbol.set(placeholder.symbol, placeholder);
    const name = klpSymbolName(placeholder);
    const parsed = parseKlpSymbol(name);
    // A dot in an object's name would end it early and give another symbol.
    const isRead = parsed?.object === placeholder.object && parsed.name === placeholder.name;
    const isSection = parseKlpSection(klpSectionName(placeholder.patched, '.text')) === placeholder.patched;
    if (!isRead || !isSection)
      findings.push({
        id: 'KLP302',
        severity: 'error',
        what: `${name} in code for ${placeholder.patched} is no name that the kernel can parse`,
        why: 'an object has 1 to 55 characters and no dot, a symbol 1 to 511 and no comma',
        at: { symbol: placeholder.symbol },
      });
    if (placeholder.object !== 'vmlinux' && placeholder.patched === 'vmlinux')
      findings.push({
        id: 'klp-module-from-vmlinux',
        severity: 'error',
        what: `code that patches vmlinux refers to ${placeholder.name} of the module ${placeholder.object}`,
        why: 'references of vmlinux code are resolved while the livepatch loads, when the module may not be there',
        at: { symbol: placeholder.name },
      });
  }
  const found = new Map<number, Placeholder>();
  const standsFor = new Map<number, number>();
  const first = new Map<string, number>();
  for (let index = 1; index < symbols.count; index++) {
    if (symbols.section[index] !== SHN.UNDEF) continue;
    const name = symbols.name(index);
    const placeholder = bySymbol.get(name);
    if (!placeholder) {
      if (name !== '' && options.isExport && !options.isExport(name))
        findings.push({
          id: 'KLP301',
          severity: 'error',
          what: `${name} is neither exported by the kernel nor a placeholder`,
          why: 'the module loader would refuse the livepatch: unknown symbol',
          at: { symbol: name },
        });
      continue;
    }
    found.set(index, placeholder);
    const klpName = klpSymbolName(placeholder);
    standsFor.set(index, first.get(klpName) ?? index);
    if (!first.has(klpName)) first.set(klpName, index);
  }
  return { placeholders: found, standsFor };
}

/** The relocations of one section, parted: indices that stay, and indices that move, by the object whose code they are in. */
interface Parted {
  readonly section: Section;
  readonly target: Section;
  readonly rela: RelaTable;
  readonly stay: readonly number[];
  readonly move: ReadonlyMap<string, readonly number[]>;
}

function partRelocations(
  elf: ElfFile,
  symtab: Section,
  symbols: SymbolTable,
  conversion: Conversion,
  options: ConvertOptions,
  findings: Finding[],
): Parted[] {
  const parted: Parted[] = [];
  const early = options.earlyUse ?? earlyUse;
  for (const section of elf.sections) {
    if (section.type !== SHT.RELA || section.link !== symtab.index) continue;
    const target = elf.sections[section.info];
    if (!target || section.info === 0)
      throw new FormatError(
        `livepatch: ${section.name} relocates section ${section.info}, which does not exist`,
      );
    const rela = readRela(elf, section);
    const stay: number[] = [];
    const move = new Map<string, number[]>();
    for (let index = 0; index < rela.count; index++) {
      if (rela.symbol[index] >= symbols.count)
        throw new FormatError(
          `livepatch: relocation ${index} of ${section.name} uses symbol ${rela.symbol[index]}, there are ${symbols.count}`,
        );
      const placeholder = conversion.placeholders.get(rela.symbol[index]);
      if (!placeholder) {
        stay.push(index);
        continue;
      }
      const object =
        placeholder.object === 'vmlinux'
          ? 'vmlinux'
          : (options.patchedIn?.(target.index, placeholder) ?? placeholder.patched);
      const list = move.get(object);
      if (list) list.push(index);
      else move.set(object, [index]);
      findings.push(
        ...checkRelocation(elf, target, rela.offset[index], rela.type[index], placeholder, object, early),
      );
    }
    parted.push({ section, target, rela, stay, move });
  }
  return parted;
}

function checkRelocation(
  elf: ElfFile,
  target: Section,
  offset: number,
  type: number,
  placeholder: Placeholder,
  object: string,
  early: (section: string) => string | undefined,
): Finding[] {
  const findings: Finding[] = [];
  const at = { section: target.name, offset, symbol: placeholder.name };
  const error = (id: string, what: string, why: string, next?: string) =>
    findings.push({ id, severity: 'error', what, why, ...(next ? { next } : {}), at });
  const what = klpSymbolName(placeholder);
  if (!isAllocated(target)) {
    error(
      'klp-not-loaded',
      `${what} is used in a section that is not loaded`,
      'a KLP relocation needs memory to write to',
    );
    return findings;
  }
  const use = object === 'vmlinux' ? undefined : early(target.name);
  if (use) {
    const id =
      target.name === '__jump_table' ? 'KLP310' : target.name === '.static_call_sites' ? 'KLP311' : 'KLP312';
    error(
      id,
      `${use} in code for ${placeholder.patched} needs ${placeholder.name} of the module ${placeholder.object}`,
      'the kernel reads it while the livepatch loads, before references to a module are resolved',
      id === 'KLP310'
        ? 'ask static_key_enabled() in the changed code instead of branching on the key'
        : undefined,
    );
  }
  const size = relocationSize(elf.machine, type);
  if (size === undefined) {
    error(
      'klp-relocation-type',
      `${what} is used by a relocation of ${relocationName(elf.machine, type)}`,
      'the module loader does not know that type',
    );
    return findings;
  }
  const bytes = sectionBytes(elf, target).subarray(offset, offset + size);
  if (target.type !== SHT.NOBITS && bytes.length < size)
    throw new FormatError(
      `livepatch: a relocation at ${target.name}+0x${offset.toString(16)} needs ${size} bytes, the section has ${target.size}`,
    );
  if (bytes.some((byte) => byte !== 0))
    error(
      'klp-target-not-zero',
      `the bytes that ${what} is written to are not zero`,
      'the kernel refuses the relocation: existing value is nonzero',
    );
  return findings;
}

/** Old symbol index → new one, when the symbols of `gone` are taken out. */
function renumber(count: number, gone: ReadonlySet<number>): Uint32Array {
  const index = new Uint32Array(count);
  for (let old = 0, next = 0; old < count; old++) index[old] = gone.has(old) ? 0 : next++;
  return index;
}

function writeRelocations(
  elf: ElfFile,
  rela: RelaTable,
  indices: readonly number[],
  symbol: (old: number) => number,
): Uint8Array {
  const data = new Uint8Array(indices.length * relaSize);
  const view = new DataView(data.buffer);
  const little = elf.littleEndian;
  indices.forEach((index, place) => {
    const at = place * relaSize;
    view.setBigInt64(at, BigInt(rela.offset[index]), little);
    view.setUint32(little ? at + 8 : at + 12, rela.type[index], little);
    view.setUint32(little ? at + 12 : at + 8, symbol(rela.symbol[index]), little);
    view.setBigInt64(at + 16, BigInt(rela.addend[index]), little);
  });
  return data;
}

/** Keeps the entries of a table whose index is not in `gone`. */
function without(data: Uint8Array, size: number, gone: ReadonlySet<number>): Uint8Array<ArrayBuffer> {
  const count = Math.floor(data.length / size);
  const kept = new Uint8Array(data.length - gone.size * size);
  for (let index = 0, at = 0; index < count; index++) {
    if (gone.has(index)) continue;
    kept.set(data.subarray(index * size, (index + 1) * size), at);
    at += size;
  }
  return kept;
}

/**
 * Turns the placeholders of a finished module into KLP symbols and moves their relocations into KLP sections. This is the
 * last step: none of the kernel's or binutils' programs may touch the file afterwards.
 *
 * - Each undefined symbol that is a placeholder becomes `.klp.sym.<object>.<name>,<sympos>`, GLOBAL, SHN_LIVEPATCH. Two
 *   placeholders for one symbol of the kernel become one: the first keeps its place, the other goes.
 * - Each relocation that uses one goes to `.klp.rela.<object>.<section>`, appended behind the last section: `<object>` is `vmlinux`
 *   for symbols of vmlinux, else the patched module. What is left of a relocation section stays where it is, even if empty.
 *
 * Sections, other symbols and relocations keep their order. Bytes behind the ELF file (a signature) are dropped: the
 * signature would be false. A module that has no placeholder left comes back with its contents unchanged.
 *
 * @param ko a linked module, after objtool and modpost; placeholders that it does not use are passed over
 * @throws {Refusal} with all reasons: see {@link ConvertOptions}, nonzero bytes at a target, a module's symbol in a section that
 *   is read early, relocation types that the loader does not know, sections that are not loaded
 * @throws {FormatError} when it is no module
 */
export function convertKlp(
  ko: Uint8Array,
  placeholders: readonly Placeholder[],
  options: ConvertOptions = {},
): Uint8Array {
  const elf = readElf(ko);
  const { symtab, strtab, extended } = tables(elf);
  const symbols = readSymbols(elf, symtab);
  const findings: Finding[] = [];
  const conversion = findPlaceholders(symbols, placeholders, options, findings);
  const parted = partRelocations(elf, symtab, symbols, conversion, options, findings);
  if (findings.length > 0) throw new Refusal(findings);

  const gone = new Set<number>();
  for (const [index, stands] of conversion.standsFor) if (index !== stands) gone.add(index);
  const newIndex = renumber(symbols.count, gone);
  const symbol = (old: number) => newIndex[conversion.standsFor.get(old) ?? old];

  const sections = draftSections(elf);
  const strings = new GrowingStrings(sectionBytes(elf, strtab));
  const table = without(sectionBytes(elf, symtab), symbolSize, gone);
  const view = new DataView(table.buffer);
  for (const [index, placeholder] of conversion.placeholders) {
    if (gone.has(index)) continue;
    const at = newIndex[index] * symbolSize;
    view.setUint32(at, strings.add(klpSymbolName(placeholder)), elf.littleEndian);
    view.setUint8(at + 4, STB.GLOBAL << 4);
    view.setUint8(at + 5, 0);
    view.setUint16(at + 6, SHN.LIVEPATCH, elf.littleEndian);
    view.setBigUint64(at + 8, 0n, elf.littleEndian);
    view.setBigUint64(at + 16, 0n, elf.littleEndian);
  }
  const replace = (section: Section, data: Uint8Array) => {
    sections[section.index] = { ...sections[section.index], data };
  };
  replace(symtab, table);
  replace(strtab, strings.bytes());
  if (extended) replace(extended, without(sectionBytes(elf, extended), 4, gone));
  for (const section of elf.sections) {
    if (section.type === SHT.GROUP && section.link === symtab.index)
      sections[section.index] = { ...sections[section.index], info: newIndex[section.info] ?? 0 };
  }
  const added: DraftSection[] = [];
  for (const { section, target, rela, stay, move } of parted) {
    if (move.size > 0 || gone.size > 0) replace(section, writeRelocations(elf, rela, stay, symbol));
    for (const [object, indices] of [...move].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
      const data = writeRelocations(elf, rela, indices, symbol);
      added.push({
        name: klpSectionName(object, target.name),
        type: SHT.RELA,
        flags: SHF.RELA_LIVEPATCH | SHF.ALLOC | SHF.INFO_LINK,
        address: 0,
        link: symtab.index,
        info: target.index,
        align: 8,
        entsize: relaSize,
        size: data.length,
        data,
      });
    }
  }
  return writeRelocatable(elf, [...sections, ...added]);
}
