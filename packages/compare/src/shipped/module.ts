import { readRela, type Section, SHT, STB, STT, sectionBytes } from '@klpkit/formats';
import { archOf } from '../arch/arch.ts';
import { placeOf, type ShippedObject, type SymbolizedModule } from './types.ts';

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

/** A value that is made when it is first asked for, and then kept. */
function lazy<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** A shipped module, asked by name. */
export function shippedModule(module: SymbolizedModule): ShippedObject {
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
