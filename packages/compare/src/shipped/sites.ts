import { FormatError, readRela, readSymbols, SHT, sectionBytes } from '@klpkit/formats';
import { sectionAt } from './image.ts';
import type { SymbolizedImage, SymbolizedModule } from './types.ts';

/** True when an ftrace site lies in [start, end) of a section; `undefined` stands for addresses. */
export type Sites = (section: number | undefined, start: number, end: number) => boolean;

/** The first higher address of a symbol behind `index`: names share addresses. */
export function nextAddress({ symbols }: SymbolizedImage, index: number): number {
  const start = symbols.address[index];
  let next = symbols.indexAt(start) + 1;
  while (next < symbols.count && symbols.address[next] <= start) next++;
  return next < symbols.count ? symbols.address[next] : start + 1;
}

/** The sites that ftrace knows at boot: between `__start_mcount_loc` and `__stop_mcount_loc`, less those of freed init code. @throws {FormatError} without them */
export function sitesOfImage(image: SymbolizedImage): Sites {
  const address = (name: string): number => {
    const [index] = image.symbols.find(name);
    if (index === undefined)
      throw new FormatError(`kernel image: no symbol ${name}; the kernel is built without dynamic ftrace`);
    return image.symbols.address[index];
  };
  const start = address('__start_mcount_loc');
  const count = (address('__stop_mcount_loc') - start) / 8;
  const section = sectionAt(image.elf, start);
  if (!section) throw new FormatError(`kernel image: no section holds the address ${start}`);
  const bytes = sectionBytes(image.elf, section).subarray(start - section.address);
  if (count < 0 || count * 8 > bytes.length)
    throw new FormatError(
      `kernel image: the table of ftrace sites has ${count} entries, ${section.name} has no room for them`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [initStart, initEnd] = [address('_sinittext'), address('_einittext')];
  const sites = Float64Array.from({ length: count }, (_, index) =>
    Number(view.getBigInt64(index * 8, image.elf.littleEndian)),
  ).sort();
  return (_, from, to) => (from < initStart || from >= initEnd) && hasBetween(sites, from, to);
}

/** True when the sorted `sites` have one in [from, to). */
function hasBetween(sites: Float64Array, from: number, to: number): boolean {
  let low = 0;
  let high = sites.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sites[middle] < from) low = middle + 1;
    else high = middle;
  }
  return low < sites.length && sites[low] < to;
}

/** The sites of a module: where the relocations of its `__mcount_loc` lead. */
export function sitesOfModule({ elf }: SymbolizedModule): Sites {
  const symbols = readSymbols(elf);
  const sites = new Map<number, number[]>();
  for (const section of elf.sections) {
    if (section.type !== SHT.RELA || elf.sections[section.info]?.name !== '__mcount_loc') continue;
    const rela = readRela(elf, section);
    for (let index = 0; index < rela.count; index++) {
      const symbol = rela.symbol[index];
      const list = sites.get(symbols.section[symbol]) ?? [];
      sites.set(symbols.section[symbol], list);
      list.push(symbols.value[symbol] + rela.addend[index]);
    }
  }
  const sorted = new Map([...sites].map(([section, list]) => [section, Float64Array.from(list).sort()]));
  return (section, from, to) => {
    if (section === undefined || elf.sections[section]?.name.startsWith('.init')) return false;
    return hasBetween(sorted.get(section) ?? new Float64Array(0), from, to);
  };
}
