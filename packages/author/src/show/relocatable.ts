import { modelOf, type ObjectModel, readTables } from '@klpkit/compare';
import {
  type ElfFile,
  FormatError,
  findSection,
  isAllocated,
  readElf,
  readExports,
  readModuleInfo,
  readSymbols,
  type Section,
  SHF,
  SHN,
  SHT,
  STB,
  STT,
  type SymbolTable,
} from '@klpkit/formats';
import { explainRelocations, type KlpLayout, readLivepatch } from '@klpkit/livepatch';
import { shadowUses } from '@klpkit/pitfalls';
import type {
  Shown,
  ShownFunction,
  ShownLivepatch,
  ShownModule,
  ShownObject,
  ShownSection,
  ShownTable,
} from './types.ts';

/** What an entry of a section stands for. */
const tableWords: Readonly<Record<string, string>> = {
  __bug_table: 'places of WARN and BUG',
  __ex_table: 'instructions that may fault, and where they go on',
  __jump_table: 'branches on static keys',
  '.altinstructions': 'code that is replaced by features of the processor',
  '.smp_locks': 'lock prefixes',
  '.parainstructions': 'paravirt calls',
  '.static_call_sites': 'static calls',
  '.return_sites': 'returns that mitigations replace',
  '.call_sites': 'calls that mitigations count',
  '.retpoline_sites': 'indirect calls that mitigations replace',
  '.ibt_endbr_seal': 'landing marks that are taken away',
  '.orc_unwind_ip': 'places that stacks are read by',
  __mcount_loc: 'ftrace sites',
  __patchable_function_entries: 'ftrace sites',
  __dyndbg: 'debug messages that can be switched on',
};

/** Bytes of an entry of the tables that objtool makes. */
const objtoolSizes: Readonly<Record<string, number>> = {
  '.static_call_sites': 8,
  '.return_sites': 4,
  '.call_sites': 4,
  '.retpoline_sites': 4,
  '.ibt_endbr_seal': 4,
  '.orc_unwind_ip': 4,
  __dyndbg: 56,
};

/**
 * Says what a relocatable file holds.
 *
 * @param layout of the livepatch structures of its kernel; Debian's when not given
 * @throws {FormatError} for a damaged file
 */
export function showRelocatable(
  file: string,
  bytes: Uint8Array,
  size: number,
  layout?: KlpLayout,
): Exclude<Shown, { kind: 'kernel' }> {
  const elf = readElf(bytes);
  const symbols = readSymbols(elf);
  const model = readableModel(elf);
  const common = {
    file,
    bytes: size,
    machine: model?.arch.name ?? `ELF machine ${elf.machine}`,
    functions: functionsOf(elf, symbols),
    sections: sectionsOf(elf),
    tables: tablesOf(elf, model),
    imports: importsOf(symbols),
    exports: [...readExports(elf).keys()].sort(),
  };
  const info = readModuleInfo(elf);
  const isModule = findSection(elf, '.gnu.linkonce.this_module') !== undefined;
  const livepatch = readLivepatch(bytes, layout);
  const isLivepatch =
    livepatch.mark !== undefined || livepatch.klpSections.length > 0 || livepatch.patch !== undefined;
  if (!isModule && !isLivepatch) return { kind: 'object', ...common } satisfies ShownObject;
  const module: ShownModule = {
    kind: 'module',
    ...common,
    name: livepatch.name || file.replace(/\.k?o(\.\w+)?$/, '').replaceAll('-', '_'),
    info: info.entries.map(({ key, value }) => ({ key, value })),
    isSigned: isSigned(bytes),
  };
  if (!isLivepatch) return module;
  const sizes = new Map(common.functions.map((one) => [one.name, one.size]));
  return {
    ...module,
    kind: 'livepatch',
    replace: livepatch.patch?.replace,
    objects: (livepatch.patch?.objects ?? []).map((object) => ({
      name: object.name,
      functions: object.functions.map((one) => ({
        name: one.oldName,
        sympos: one.sympos,
        new: one.newSymbol,
        size: one.newSymbol === undefined ? undefined : sizes.get(one.newSymbol),
      })),
      callbacks: [...object.callbacks].map(([kind, symbol]) => ({ kind, symbol })),
    })),
    states: livepatch.patch?.states ?? [],
    shadows: (model ? shadowUses(model) : []).map(({ id, sizes, allocates, reads, frees }) => ({
      id: String(id),
      sizes: sizes.map(String),
      allocates,
      reads,
      frees,
    })),
    relocations: explainRelocations(bytes, livepatch).map(
      ({ relocation, user, offset, table, use, words }) => ({
        user,
        section: relocation.target,
        offset,
        size: relocation.size,
        ...(table === undefined ? {} : { table }),
        use,
        object: relocation.symbolObject,
        name: relocation.name,
        sympos: relocation.sympos,
        patched: relocation.patchedObject,
        words,
      }),
    ),
    livepatch,
  } satisfies ShownLivepatch;
}

/** `undefined` for a machine whose code is not understood, and for contradictions that only matter to who reads code. */
function readableModel(elf: ElfFile): ObjectModel | undefined {
  try {
    return modelOf(elf);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function functionsOf(elf: ElfFile, symbols: SymbolTable): ShownFunction[] {
  const found: ShownFunction[] = [];
  for (let index = 1; index < symbols.count; index++) {
    const section = elf.sections[symbols.section[index]];
    if (symbols.type[index] !== STT.FUNC || !section || symbols.section[index] === SHN.UNDEF) continue;
    const name = symbols.name(index);
    // Padding that objtool gives a name of its own.
    if (name.startsWith('__pfx_')) continue;
    found.push({
      name,
      size: symbols.size[index],
      isGlobal: symbols.binding[index] !== STB.LOCAL,
      section: section.name,
    });
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function sectionsOf(elf: ElfFile): ShownSection[] {
  return elf.sections
    .filter((section) => isAllocated(section) && section.size > 0)
    .map((section) => ({ name: section.name, kind: kindOf(section), size: section.size }));
}

function kindOf({ name, type, flags }: Section): string {
  if (name.startsWith('.klp.rela.')) return 'KLP relocations';
  if (name in tableWords) return 'table';
  if ((flags & SHF.EXECINSTR) !== 0) return 'code';
  if (type === SHT.NOBITS) return 'zeroes';
  return (flags & SHF.WRITE) !== 0 ? 'data' : 'constants';
}

function tablesOf(elf: ElfFile, model: ObjectModel | undefined): ShownTable[] {
  const counted = new Map<string, number>();
  if (model)
    try {
      for (const { section } of readTables(model).entries)
        counted.set(section.name, (counted.get(section.name) ?? 0) + 1);
    } catch (error) {
      // A table of a shape that is not known is counted by no means.
      if (!(error instanceof FormatError)) throw error;
    }
  for (const { name, size } of elf.sections) {
    const entry = objtoolSizes[name];
    if (entry !== undefined && size > 0 && !counted.has(name)) counted.set(name, Math.floor(size / entry));
  }
  return [...counted]
    .filter(([name]) => name in tableWords)
    .map(([section, entries]) => ({ section, what: tableWords[section] as string, entries }))
    .sort((a, b) => (a.section < b.section ? -1 : 1));
}

function importsOf(symbols: SymbolTable): string[] {
  const names = new Set<string>();
  for (let index = 1; index < symbols.count; index++)
    if (symbols.section[index] === SHN.UNDEF && symbols.name(index) !== '') names.add(symbols.name(index));
  return [...names].sort();
}

const signatureMark = '~Module signature appended~\n';

function isSigned(bytes: Uint8Array): boolean {
  return new TextDecoder('latin1').decode(bytes.subarray(-signatureMark.length)) === signatureMark;
}
