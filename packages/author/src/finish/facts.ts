import { FormatError, readRela, readSymbols, type Section, SHT, sectionBytes } from '@klpkit/formats';
import {
  type Kernel,
  type KernelImage,
  type KernelModule,
  listModules,
  loadImage,
  loadModule,
  moduleSymvers,
} from '@klpkit/kernel';
import { type KernelFacts, type KlpLayout, layoutFromBtf, usualLayout } from '@klpkit/livepatch';
import { lazy } from '../lazy.ts';

/** What the livepatch room's rules ask about a kernel, and how its structures are laid out. */
export interface FactsOfKernel {
  readonly facts: KernelFacts;
  /** Read out of the kernel's types when it is first asked for. */
  readonly layout: KlpLayout;
}

/**
 * Gathers what is needed to check livepatches of a kernel.
 *
 * @param modules names (underscores) of the modules whose symbols are asked for; those that the kernel does not ship are passed over
 */
export async function kernelFacts(kernel: Kernel, modules: readonly string[]): Promise<FactsOfKernel> {
  const [image, exports, shipped] = await Promise.all([
    loadImage(kernel),
    moduleSymvers(kernel),
    listModules(kernel),
  ]);
  const names = new Set(['vmlinux', ...shipped.map(({ name }) => name)]);
  const loaded = new Map<string, KernelModule>();
  for (const name of new Set(modules))
    if (name !== 'vmlinux' && names.has(name)) loaded.set(name, await loadModule(kernel, name));
  const imageSites = lazy(() => sitesOfImage(image));
  const moduleSites = new Map<string, () => Sites>();
  for (const [name, module] of loaded)
    moduleSites.set(
      name,
      lazy(() => sitesOfModule(module)),
    );
  const vermagic = imageText(image, 'vermagic');
  const layout = lazy(() => {
    const btf = image.btf();
    return btf ? layoutFromBtf(btf) : usualLayout;
  });
  return {
    get layout() {
      return layout();
    },
    facts: {
      ...(vermagic === undefined ? {} : { vermagic }),
      hasVersions: hasCrc(exports.values()),
      clearsRelocations: image.symbols.find('clear_relocate_add').length > 0,
      hasObject: (object) => names.has(object),
      symbolCount: (object, name) =>
        object === 'vmlinux' ? image.symbols.find(name).length : loaded.get(object)?.find(name).length,
      exported: (name) => exports.get(name) ?? null,
      isTraceable(object, name, sympos) {
        const place = Math.max(1, sympos) - 1;
        if (object === 'vmlinux') {
          const index = image.symbols.find(name)[place];
          if (index === undefined) return undefined;
          return imageSites()(undefined, image.symbols.address[index], nextAddress(image, index));
        }
        const module = loaded.get(object);
        const index = module?.find(name)[place];
        if (module === undefined || index === undefined) return undefined;
        const { section, value, size } = module.symbols;
        return moduleSites.get(object)?.()(section[index], value[index], value[index] + size[index]);
      },
    },
  };
}

function hasCrc(exports: Iterable<{ readonly crc: number }>): boolean {
  for (const { crc } of exports) if (crc !== 0) return true;
  return false;
}

/** True when an ftrace site lies in [start, end) of a section; `undefined` stands for addresses. */
type Sites = (section: number | undefined, start: number, end: number) => boolean;

/** The first higher address of a symbol behind `index`: names share addresses. */
function nextAddress({ symbols }: KernelImage, index: number): number {
  const start = symbols.address[index];
  let next = symbols.indexAt(start) + 1;
  while (next < symbols.count && symbols.address[next] <= start) next++;
  return next < symbols.count ? symbols.address[next] : start + 1;
}

/** The sites that ftrace knows at boot: between `__start_mcount_loc` and `__stop_mcount_loc`, less those of freed init code. */
function sitesOfImage(image: KernelImage): Sites {
  const address = (name: string): number => {
    const [index] = image.symbols.find(name);
    if (index === undefined)
      throw new FormatError(`kernel image: no symbol ${name}; the kernel is built without dynamic ftrace`);
    return image.symbols.address[index];
  };
  const start = address('__start_mcount_loc');
  const count = (address('__stop_mcount_loc') - start) / 8;
  const section = sectionAt(image, start);
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

function sectionAt(image: KernelImage, address: number): Section {
  const section = image.elf.sections.find(
    (one) => one.address !== 0 && one.address <= address && address < one.address + one.size,
  );
  if (!section) throw new FormatError(`kernel image: no section holds the address ${address}`);
  return section;
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
function sitesOfModule({ elf }: KernelModule): Sites {
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

/** The text of a character array of the image. */
function imageText(image: KernelImage, name: string): string | undefined {
  const [index] = image.symbols.find(name);
  if (index === undefined) return undefined;
  const start = image.symbols.address[index];
  const section = sectionAt(image, start);
  const bytes = sectionBytes(image.elf, section)
    .subarray(start - section.address)
    .subarray(0, 512);
  const end = bytes.indexOf(0);
  return end < 0 ? undefined : new TextDecoder('latin1').decode(bytes.subarray(0, end));
}
