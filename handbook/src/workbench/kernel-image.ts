import { imageText, listShipped, sectionAt } from '@klpkit/compare';
import {
  type Btf,
  type ElfFile,
  type ExportedSymbol,
  FormatError,
  findSection,
  type KernelSymbols,
  readBtf,
  type readBzImage,
  readElf,
  readExports,
  readKallsyms,
  sectionBytes,
} from '@klpkit/formats';
import { type KlpLayout, layoutFromBtf } from '@klpkit/livepatch';
import {
  type Cell,
  type CodeView,
  hex,
  number,
  plural,
  type Table,
  tableOf,
} from '../../../packages/author/src/report/parts/index.ts';
import type { Opened } from './opened.ts';
import { sizeText } from './protocol.ts';

/** A kernel image that is unpacked and read. */
export interface ReadKernel {
  readonly name: string;
  /** Of the file. */
  readonly fileBytes: number;
  readonly compression: string;
  readonly elf: ElfFile;
  readonly symbols: KernelSymbols;
  /** Absent when the image's table of exports is not understood. */
  readonly exports?: ReadonlyMap<string, ExportedSymbol>;
  readonly btf?: Btf;
  /** How the structures of livepatches are laid out, where its types tell. */
  readonly layout?: KlpLayout;
  /** `Linux version …`. */
  readonly banner?: string;
}

/** Reads a kernel image that is unpacked already. @throws {FormatError} for one without table of symbols */
export function readKernel(
  name: string,
  fileBytes: number,
  image: Awaited<ReturnType<typeof readBzImage>>,
): ReadKernel {
  const elf = readElf(image.vmlinux);
  const symbols = readKallsyms(elf);
  const types = findSection(elf, '.BTF');
  const btf = types && readBtf(sectionBytes(elf, types));
  const exports = ifReadable(() => readExports(elf));
  const layout = btf && ifReadable(() => layoutFromBtf(btf));
  const banner = ifReadable(() => imageText({ elf, symbols }, 'linux_banner'))?.trim();
  return {
    name,
    fileBytes,
    compression: image.compression,
    elf,
    symbols,
    ...(exports ? { exports } : {}),
    ...(btf ? { btf } : {}),
    ...(layout ? { layout } : {}),
    ...(banner === undefined ? {} : { banner }),
  };
}

/** A kernel image for the page. */
export function openKernel(kernel: ReadKernel): Opened {
  const { name, fileBytes, compression, elf, symbols, exports, btf, layout, banner } = kernel;
  return {
    view: {
      kind: 'kernel',
      title: `${name}: a kernel image`,
      verdict: layout
        ? { tone: 'good', text: 'this kernel can be livepatched: its types have struct klp_patch' }
        : { tone: 'warning', text: 'nothing shows that this kernel is built with CONFIG_LIVEPATCH' },
      facts: [
        ['Version', banner ?? 'not found'],
        [
          'File',
          `${sizeText(fileBytes)}, ${compression === 'none' ? 'not compressed' : `packed with ${compression}`}`,
        ],
        ['Unpacked', sizeText(elf.bytes.length)],
        ['Symbols', `${number(symbols.count)}, of which ${number(countFunctions(symbols))} are in code`],
        ['Exports', exports ? number(exports.size) : 'not found'],
        ['Types (BTF)', btf ? number(btf.count) : 'none'],
        ...(layout ? ([['struct klp_func', plural(layout.func.size, 'byte')]] as [string, string][]) : []),
      ],
    },
    tables: kernelTables(kernel),
    code: (key) => symbolCode(kernel, key),
  };
}

/** Symbols and exports of a kernel. */
export function kernelTables(kernel: ReadKernel): Table[] {
  const { exports } = kernel;
  return [symbolTable(kernel), ...(exports ? [exportTable([...exports.values()])] : [])];
}

function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

const isCode = (type: number) => /[tw]/i.test(String.fromCharCode(type));

function countFunctions({ count, type }: KernelSymbols): number {
  let functions = 0;
  for (let index = 0; index < count; index++) if (isCode(type[index])) functions++;
  return functions;
}

function symbolTable({ elf, symbols }: ReadKernel): Table {
  return {
    id: 'symbols',
    title: 'Symbols',
    intro:
      'In the order of the kernel. Where several have one name, a livepatch says which by its position among them (sympos).',
    columns: ['Symbol', 'Address', 'Kind', 'Position among its name'],
    count: symbols.count,
    row: (index): readonly Cell[] => {
      const name = symbols.name(index);
      const same = symbols.find(name);
      const letter = String.fromCharCode(symbols.type[index]);
      const hasCode = isCode(symbols.type[index]) && sectionAt(elf, symbols.address[index]) !== undefined;
      return [
        hasCode ? { text: name, code: `symbol-${index}` } : name,
        hex(symbols.address[index]),
        `${letter}, ${/[a-z]/.test(letter) ? 'static' : 'global'} ${isCode(symbols.type[index]) ? 'code' : 'data'}`,
        same.length === 1 ? 'the only one' : `${same.indexOf(index) + 1} of ${same.length}`,
      ];
    },
    text: (index) => symbols.name(index),
  };
}

function exportTable(exported: readonly ExportedSymbol[]): Table {
  return {
    ...tableOf('exports', 'Exports', ['Symbol', 'Checksum', 'For', 'Namespace'], []),
    count: exported.length,
    row: (index) => {
      const { name, crc, gpl, namespace } = exported[index];
      return [
        name,
        crc === undefined ? 'none' : `0x${crc.toString(16).padStart(8, '0')}`,
        gpl ? 'modules under the GPL' : 'all modules',
        namespace ?? '',
      ];
    },
    text: (index) => exported[index].name,
  };
}

/** The code from a symbol to the next one, with names in place of addresses; `undefined` for a key that is no symbol's. */
export function symbolCode(kernel: ReadKernel, key: string): CodeView | undefined {
  const index = /^symbol-\d+$/.test(key) ? Number(key.slice('symbol-'.length)) : -1;
  if (index < 0 || index >= kernel.symbols.count) return undefined;
  const listing = listShipped(kernel, index);
  if (!listing) return undefined;
  const name = kernel.symbols.name(index);
  return {
    title: name,
    caption: `${name} at ${hex(kernel.symbols.address[index])}, as shipped: ${plural(listing.size, 'byte')} up to the next symbol`,
    rows: listing.lines.map((line) => ({ kind: 'same', after: line })),
  };
}
