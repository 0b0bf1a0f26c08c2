import { archOf } from '@klpkit/compare';
import {
  type ElfFile,
  FormatError,
  findSection,
  type KernelSymbols,
  readBtf,
  type readBzImage,
  readElf,
  readExports,
  readKallsyms,
  type Section,
  SHT,
  sectionBytes,
} from '@klpkit/formats';
import { layoutFromBtf } from '@klpkit/livepatch';
import { hex, type Opened, plural } from './opened.ts';
import { type Cell, type CodeView, sizeText } from './protocol.ts';
import { type Table, tableOf } from './table.ts';

/** Bytes of one function that are disassembled; none of the kernel comes near. */
const longestFunction = 1 << 20;

/** Opens a kernel image that is unpacked already. @throws {FormatError} for one without table of symbols */
export function openImage(
  name: string,
  fileBytes: number,
  image: Awaited<ReturnType<typeof readBzImage>>,
): Opened {
  const elf = readElf(image.vmlinux);
  const symbols = readKallsyms(elf);
  const types = findSection(elf, '.BTF');
  const btf = types && readBtf(sectionBytes(elf, types));
  const exported = ifReadable(() => readExports(elf));
  const functions = countFunctions(symbols);
  const layout = btf && ifReadable(() => layoutFromBtf(btf));
  return {
    view: {
      kind: 'kernel',
      title: `${name}: a kernel image`,
      verdict: layout
        ? { tone: 'good', text: 'this kernel can be livepatched: its types have struct klp_patch' }
        : { tone: 'warning', text: 'nothing shows that this kernel is built with CONFIG_LIVEPATCH' },
      facts: [
        ['Version', bannerOf(elf, symbols) ?? 'not found'],
        [
          'File',
          `${sizeText(fileBytes)}, ${image.compression === 'none' ? 'not compressed' : `packed with ${image.compression}`}`,
        ],
        ['Unpacked', sizeText(image.vmlinux.length)],
        [
          'Symbols',
          `${symbols.count.toLocaleString('en')}, of which ${functions.toLocaleString('en')} are in code`,
        ],
        ['Exports', exported ? exported.size.toLocaleString('en') : 'not found'],
        ['Types (BTF)', btf ? btf.count.toLocaleString('en') : 'none'],
        ...(layout ? ([['struct klp_func', plural(layout.func.size, 'byte')]] as [string, string][]) : []),
      ],
    },
    tables: [symbolTable(elf, symbols), ...(exported ? [exportTable([...exported.values()])] : [])],
    code: (key) => symbolCode(elf, symbols, key),
  };
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

function symbolTable(elf: ElfFile, symbols: KernelSymbols): Table {
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
        hasCode ? { text: name, code: String(index) } : name,
        hex(symbols.address[index]),
        `${letter}, ${/[a-z]/.test(letter) ? 'static' : 'global'} ${isCode(symbols.type[index]) ? 'code' : 'data'}`,
        same.length === 1 ? 'the only one' : `${same.indexOf(index) + 1} of ${same.length}`,
      ];
    },
    text: (index) => symbols.name(index),
  };
}

function exportTable(
  exported: readonly {
    readonly name: string;
    readonly crc: number | undefined;
    readonly gpl: boolean;
    readonly namespace: string | undefined;
  }[],
): Table {
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

function sectionAt(elf: ElfFile, address: number): Section | undefined {
  return elf.sections.find(
    (one) =>
      one.type !== SHT.NOBITS &&
      one.address !== 0 &&
      one.address <= address &&
      address < one.address + one.size,
  );
}

function bannerOf(elf: ElfFile, symbols: KernelSymbols): string | undefined {
  const [index] = symbols.find('linux_banner');
  const address = index === undefined ? undefined : symbols.address[index];
  const section = address === undefined ? undefined : sectionAt(elf, address);
  if (address === undefined || !section) return undefined;
  const bytes = sectionBytes(elf, section)
    .subarray(address - section.address)
    .subarray(0, 1024);
  const end = bytes.indexOf(0);
  return end < 0 ? undefined : new TextDecoder('latin1').decode(bytes.subarray(0, end)).trim();
}

/** The code from a symbol to the next one, with the names of what it calls. */
function symbolCode(elf: ElfFile, symbols: KernelSymbols, key: string): CodeView | undefined {
  const index = /^\d+$/.test(key) ? Number(key) : -1;
  if (index < 0 || index >= symbols.count) return undefined;
  const start = symbols.address[index];
  const section = sectionAt(elf, start);
  if (!section) return undefined;
  let next = symbols.indexAt(start) + 1;
  while (next < symbols.count && symbols.address[next] === start) next++;
  const end = Math.min(
    next < symbols.count ? symbols.address[next] : section.address + section.size,
    section.address + section.size,
    start + longestFunction,
  );
  const code = sectionBytes(elf, section).subarray(start - section.address, end - section.address);
  const arch = archOf(elf);
  const branches = new Map(arch.steps(code).map(({ offset, branch }) => [offset, branch?.target]));
  const nameAt = (target: number): string => {
    if (target >= 0 && target < code.length) return `+${hex(target)}`;
    const at = symbols.indexAt(start + target);
    if (at < 0) return hex(start + target);
    const distance = start + target - symbols.address[at];
    return distance === 0 ? symbols.name(at) : `${symbols.name(at)}+${hex(distance)}`;
  };
  const name = symbols.name(index);
  const rows = arch.instructions(code).map(({ offset, text, mnemonic }) => {
    const target = branches.get(offset);
    return {
      kind: 'same',
      after: { offset, text: target === undefined ? text : `${mnemonic} ${nameAt(target)}` },
    } as const;
  });
  return {
    title: name,
    caption: `${name} at ${hex(start)}, as shipped: ${plural(code.length, 'byte')} up to the next symbol`,
    isPair: false,
    rows,
  };
}
