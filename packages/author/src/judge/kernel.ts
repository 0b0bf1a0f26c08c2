import { archOf } from '@klpkit/compare';
import { readRela, type Section, SHT, STB, STT, sectionBytes } from '@klpkit/formats';
import {
  type Kernel,
  type KernelImage,
  type KernelModule,
  kernelConfig,
  listModules,
  loadImage,
  loadModule,
} from '@klpkit/kernel';
import type { KlpLayout } from '@klpkit/livepatch';
import type { KernelEvidence, ShippedSymbol } from '@klpkit/pitfalls';
import { kernelFacts } from '../finish/facts.ts';
import { lazy } from '../lazy.ts';

/** What the pitfalls' rules ask about a kernel, and how its livepatch structures are laid out. */
export interface EvidenceOfKernel {
  readonly evidence: KernelEvidence;
  readonly layout: KlpLayout;
}

/**
 * Gathers what the rules ask about a kernel. Nothing is read of modules that are not named.
 *
 * @param objects `vmlinux` and names of modules (underscores); those that the kernel does not ship are passed over
 */
export async function kernelEvidence(kernel: Kernel, objects: readonly string[]): Promise<EvidenceOfKernel> {
  const [known, image, shipped, config] = await Promise.all([
    kernelFacts(kernel, objects),
    loadImage(kernel),
    listModules(kernel),
    kernelConfig(kernel),
  ]);
  const names = new Set(shipped.map(({ name }) => name));
  const views = new Map<string, ObjectView>([['vmlinux', imageView(image)]]);
  for (const object of new Set(objects))
    if (names.has(object)) views.set(object, moduleView(await loadModule(kernel, object)));
  return {
    get layout() {
      return known.layout;
    },
    evidence: {
      release: kernel.release,
      facts: known.facts,
      config: (option) => config.get(option),
      symbols: (object, name) => views.get(object)?.symbols(name),
      relatives: (object, name) => views.get(object)?.relatives(name) ?? [],
      namesAt: (object, name, sympos) => views.get(object)?.namesAt(name, sympos) ?? [],
      code: (object, name, sympos) => views.get(object)?.code(name, sympos),
      calls: (object, name, sympos) => views.get(object)?.calls(name, sympos),
      btf: () => image.btf(),
    },
  };
}

/** One shipped object, asked by name. `sympos` 0 stands for the only one. */
interface ObjectView {
  symbols(name: string): ShippedSymbol[];
  relatives(name: string): string[];
  namesAt(name: string, sympos: number): string[];
  code(name: string, sympos: number): Uint8Array | undefined;
  calls(name: string, sympos: number): string[] | undefined;
}

const placeOf = (sympos: number) => Math.max(1, sympos) - 1;

/** The names with a suffix behind a dot, by what stands before it. */
function suffixed(names: Iterable<string>): Map<string, string[]> {
  const found = new Map<string, Set<string>>();
  for (const name of names) {
    const dot = name.indexOf('.', 1);
    if (dot < 0) continue;
    const stem = name.slice(0, dot);
    const list = found.get(stem);
    if (list) list.add(name);
    else found.set(stem, new Set([name]));
  }
  return new Map([...found].map(([stem, list]) => [stem, [...list].sort()]));
}

function imageView(image: KernelImage): ObjectView {
  const { symbols, elf } = image;
  const indexOf = (name: string, sympos: number): number | undefined => symbols.find(name)[placeOf(sympos)];
  /** Symbols at an address, from the first to the one behind the last. */
  const around = (address: number): [number, number] => {
    const last = symbols.indexAt(address);
    let first = last;
    while (first > 0 && symbols.address[first - 1] === address) first--;
    return [first, last + 1];
  };
  const code = (name: string, sympos: number): Uint8Array | undefined => {
    const index = indexOf(name, sympos);
    if (index === undefined) return undefined;
    const start = symbols.address[index];
    const next = around(start)[1];
    const section = sectionAt(elf.sections, start);
    if (!section || section.type === SHT.NOBITS) return undefined;
    const end = Math.min(
      next < symbols.count ? symbols.address[next] : Number.POSITIVE_INFINITY,
      section.address + section.size,
    );
    return sectionBytes(elf, section).subarray(start - section.address, end - section.address);
  };
  return {
    symbols: (name) =>
      symbols.find(name).map((index) => ({
        name,
        address: symbols.address[index],
        type: String.fromCharCode(symbols.type[index]),
      })),
    // The names are sorted already, and what has a suffix itself has no relatives.
    relatives: (name) =>
      name === '' || name.indexOf('.', 1) > 0
        ? []
        : [...new Set(symbols.startingWith(`${name}.`).map((index) => symbols.name(index)))],
    namesAt(name, sympos) {
      const index = indexOf(name, sympos);
      if (index === undefined) return [];
      const [first, end] = around(symbols.address[index]);
      const names = new Set<string>();
      for (let at = first; at < end; at++) names.add(symbols.name(at));
      names.delete(name);
      return [...names].sort();
    },
    code,
    calls(name, sympos) {
      const bytes = code(name, sympos);
      const index = indexOf(name, sympos);
      if (!bytes || index === undefined) return undefined;
      const start = symbols.address[index];
      const names = new Set<string>();
      for (const { branch } of archOf(elf).steps(bytes)) {
        if (!branch || (branch.target >= 0 && branch.target < bytes.length)) continue;
        const address = start + branch.target;
        const [first, end] = around(address);
        for (let at = first; at < end; at++) if (symbols.address[at] === address) names.add(symbols.name(at));
      }
      return [...names].sort();
    },
  };
}

function sectionAt(sections: readonly Section[], address: number): Section | undefined {
  return sections.find(
    (one) => one.address !== 0 && one.address <= address && address < one.address + one.size,
  );
}

function moduleView(module: KernelModule): ObjectView {
  const { elf, symbols } = module;
  const relatives = lazy(() =>
    suffixed(
      (function* () {
        for (let index = 1; index < symbols.count; index++)
          if (symbols.type[index] === STT.FUNC || symbols.type[index] === STT.OBJECT)
            yield symbols.name(index);
      })(),
    ),
  );
  const functions = lazy(() => {
    const found = new Map<string, string>();
    for (let index = 1; index < symbols.count; index++)
      if (symbols.type[index] === STT.FUNC)
        found.set(`${symbols.section[index]}:${symbols.value[index]}`, symbols.name(index));
    return found;
  });
  const indexOf = (name: string, sympos: number): number | undefined => module.find(name)[placeOf(sympos)];
  const sectionOf = (index: number): Section | undefined => elf.sections[symbols.section[index]];
  return {
    symbols: (name) =>
      module.find(name).map((index) => ({ name, address: symbols.value[index], type: letterOf(index) })),
    relatives: (name) => relatives().get(name) ?? [],
    namesAt(name, sympos) {
      const index = indexOf(name, sympos);
      if (index === undefined) return [];
      const names = new Set<string>();
      for (let other = 1; other < symbols.count; other++)
        if (
          symbols.section[other] === symbols.section[index] &&
          symbols.value[other] === symbols.value[index] &&
          symbols.type[other] === symbols.type[index]
        )
          names.add(symbols.name(other));
      names.delete(name);
      return [...names].sort();
    },
    code(name, sympos) {
      const index = indexOf(name, sympos);
      const section = index === undefined ? undefined : sectionOf(index);
      if (index === undefined || !section || section.type === SHT.NOBITS) return undefined;
      return sectionBytes(elf, section).subarray(
        symbols.value[index],
        symbols.value[index] + symbols.size[index],
      );
    },
    calls(name, sympos) {
      const index = indexOf(name, sympos);
      const section = index === undefined ? undefined : sectionOf(index);
      const rela = elf.sections.find((one) => one.type === SHT.RELA && one.info === section?.index);
      if (index === undefined || !section || !rela) return undefined;
      const [start, end] = [symbols.value[index], symbols.value[index] + symbols.size[index]];
      const bytes = sectionBytes(elf, section);
      const arch = archOf(elf);
      const table = readRela(elf, rela);
      const names = new Set<string>();
      const local: { symbol: number; addend: number; offset: number; type: number }[] = [];
      for (let at = 0; at < table.count; at++) {
        const [offset, type, symbol] = [table.offset[at], table.type[at], table.symbol[at]];
        if (offset < start || offset >= end || !arch.isBranchOperand(bytes, offset, type)) continue;
        // The assembler writes a call of a static function as one of its section, some way in.
        if (symbols.type[symbol] === STT.SECTION)
          local.push({ symbol, addend: table.addend[at], offset: offset - start, type });
        else if (symbols.name(symbol) !== '') names.add(symbols.name(symbol));
      }
      local.sort((a, b) => a.offset - b.offset);
      const bases = arch.operandBases(bytes.subarray(start, end), local);
      for (const [at, { symbol, addend, offset }] of local.entries()) {
        const name = functions().get(`${symbols.section[symbol]}:${addend + bases[at] - offset}`);
        if (name !== undefined) names.add(name);
      }
      return [...names].sort();
    },
  };

  function letterOf(index: number): string {
    const section = sectionOf(index);
    const letter = symbols.type[index] === STT.FUNC ? 't' : section?.type === SHT.NOBITS ? 'b' : 'd';
    return symbols.binding[index] === STB.LOCAL ? letter : letter.toUpperCase();
  }
}
