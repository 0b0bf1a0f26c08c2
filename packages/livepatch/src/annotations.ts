import type { Finding } from '@klpkit/findings';
import {
  type ElfFile,
  readElf,
  readRela,
  readSymbols,
  SHF,
  SHN,
  SHT,
  type SymbolTable,
  sectionBytes,
} from '@klpkit/formats';
import { parseKlpSymbol } from './klp-names.ts';
import { draftSections, writeRelocatable } from './rewrite.ts';

/** What the author of a module says in the object of one undefined symbol. */
export interface Annotation {
  /** The undefined symbol as the object has it. */
  readonly symbol: string;
  /** Who has it in the kernel: `vmlinux` or a module. */
  readonly object: string;
  /** Its name there. */
  readonly name: string;
  readonly sympos: number;
  /** The object whose code uses it, where the annotation tells. */
  readonly patched?: string;
  /** Which form it has. */
  readonly form: 'KLP_RELOC_SYMBOL' | 'KLP_MODULE_RELOC' | 'symbol name';
}

/** The annotations of an object. */
export interface Annotations {
  readonly all: readonly Annotation[];
  /** Annotations that cannot be read, or that contradict each other. */
  readonly findings: readonly Finding[];
}

const relocPrefix = '.klp.sym.rela.';
const symbolPrefix = '.klp.sym.';
const arrayPrefix = '.klp.module_relocs.';
/** `struct klp_module_reloc`, packed: a 64-bit pointer and a 32-bit position. */
const arrayEntry = 12;

/** clang takes the quotes that gas wants around such a name for part of it. */
const unquoted = (name: string) => /^"(.*)"$/.exec(name)?.[1] ?? name;

/**
 * The label of `KLP_RELOC_SYMBOL(lp_obj, sym_obj, name)` and `…_POS`: `.klp.sym.rela.<lp_obj>.<sym_obj>.<name>.<pos>`, or with a comma before
 * the position as earlier versions of the series have it. The position is always there, so a name may hold dots.
 */
function parseLabel(name: string): Omit<Annotation, 'symbol' | 'form'> | undefined {
  const match = /^\.klp\.sym\.rela\.([^.]{1,55})\.([^.]{1,55})\.([^,]{1,511})[.,](\d{1,9})$/.exec(name);
  if (!match) return undefined;
  return { patched: match[1], object: match[2], name: match[3], sympos: Number(match[4]) };
}

/**
 * Reads what the author of a module wrote into it about its private symbols, in the forms of the klp-convert patch series: asm labels
 * (`KLP_RELOC_SYMBOL`), arrays in `.klp.module_relocs.<object>` (`KLP_MODULE_RELOC`), and symbols that bear the final name already.
 */
export function readAnnotations(elf: ElfFile, symbols: SymbolTable = readSymbols(elf)): Annotations {
  const bySymbol = new Map<string, Annotation>();
  const findings: Finding[] = [];
  const add = (one: Annotation) => {
    const other = bySymbol.get(one.symbol);
    if (other && (other.object !== one.object || other.sympos !== one.sympos))
      findings.push({
        id: 'annotation',
        severity: 'error',
        what: `${one.symbol} is annotated as ${one.object} position ${one.sympos} and as ${other.object} position ${other.sympos}`,
        next: 'annotate each symbol once',
        at: { symbol: one.symbol },
      });
    bySymbol.set(one.symbol, one);
  };
  const unreadable = (symbol: string, form: string) =>
    findings.push({
      id: 'KLP302',
      severity: 'error',
      what: `${symbol} is no annotation that can be read`,
      next: `the form is ${form}`,
      at: { symbol },
    });
  for (let index = 1; index < symbols.count; index++) {
    const symbol = symbols.name(index);
    if (symbols.section[index] !== SHN.UNDEF || !/^"?\.klp\.sym\./.test(symbol)) continue;
    const name = unquoted(symbol);
    if (name.startsWith(relocPrefix)) {
      const label = parseLabel(name);
      if (label) add({ symbol, ...label, form: 'KLP_RELOC_SYMBOL' });
      else unreadable(symbol, `${relocPrefix}PATCHED.OWNER.NAME.POSITION`);
      continue;
    }
    const parsed = parseKlpSymbol(name);
    if (parsed) add({ symbol, ...parsed, form: 'symbol name' });
    else unreadable(symbol, `${symbolPrefix}OWNER.NAME,POSITION`);
  }
  for (const section of elf.sections) {
    if (section.type !== SHT.RELA) continue;
    const target = elf.sections[section.info];
    if (!target?.name.startsWith(arrayPrefix)) continue;
    const object = target.name.slice(arrayPrefix.length);
    const bytes = sectionBytes(elf, target);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const rela = readRela(elf, section);
    for (let index = 0; index < rela.count; index++) {
      const [offset, place] = [rela.offset[index], rela.symbol[index]];
      const symbol = place < symbols.count ? symbols.name(place) : '';
      const isEntry = offset % arrayEntry === 0 && offset + arrayEntry <= bytes.length;
      if (!isEntry || symbol === '' || !/^[^.]{1,55}$/.test(object)) {
        unreadable(
          symbol || target.name,
          'an array of { symbol, position }, 12 bytes each, in .klp.module_relocs.OWNER',
        );
        continue;
      }
      if (symbols.section[place] !== SHN.UNDEF) {
        findings.push({
          id: 'annotation',
          severity: 'error',
          what: `${symbol} is annotated as a symbol of ${object}, and the module defines it`,
          next: 'take it out of the array, or rename the one that is defined',
          at: { symbol, section: target.name },
        });
        continue;
      }
      const sympos = view.getUint32(offset + 8, elf.littleEndian);
      add({ symbol, object, name: unquoted(symbol), sympos, form: 'KLP_MODULE_RELOC' });
    }
  }
  return { all: [...bySymbol.values()], findings };
}

/**
 * Takes the arrays of `KLP_MODULE_RELOC` out of what is loaded: they have said what they have to say, and their pointers need not be
 * resolved. Everything else keeps its place.
 */
export function withoutAnnotationArrays(object: Uint8Array): Uint8Array {
  const elf = readElf(object);
  const arrays = new Set(
    elf.sections.filter(({ name }) => name.startsWith(arrayPrefix)).map(({ index }) => index),
  );
  if (arrays.size === 0) return object;
  const sections = draftSections(elf).map((section, index) => {
    if (arrays.has(index)) return { ...section, flags: section.flags & ~(SHF.ALLOC | SHF.WRITE) };
    if (section.type === SHT.RELA && arrays.has(section.info)) return { ...section, data: new Uint8Array(0) };
    return section;
  });
  return writeRelocatable(elf, sections);
}
