import { type ElfFile, FormatError, type Section, SHT, sectionBytes, sectionPart } from '@klpkit/formats';
import { archOf } from '../arch/arch.ts';
import { placeOf, type ShippedObject, type SymbolizedImage } from './types.ts';

/** The shipped image, asked by name. */
export function shippedImage(image: SymbolizedImage): ShippedObject {
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
    const section = sectionAt(elf, start);
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

/** The section that holds an address of a linked image; `undefined` for none. */
export function sectionAt({ sections }: ElfFile, address: number): Section | undefined {
  return sections.find(
    (one) => one.address !== 0 && one.address <= address && address < one.address + one.size,
  );
}

/**
 * The text of a character array of the image: `vermagic`, `linux_banner`. `undefined` when there is no such symbol or no end.
 *
 * @throws {FormatError} for a symbol outside of all sections
 */
export function imageText({ elf, symbols }: SymbolizedImage, name: string): string | undefined {
  const [index] = symbols.find(name);
  if (index === undefined) return undefined;
  const start = symbols.address[index];
  const section = sectionAt(elf, start);
  if (!section) throw new FormatError(`kernel image: no section holds the address ${start}`);
  const bytes = sectionPart(elf, section, start - section.address, 1024);
  const end = bytes.indexOf(0);
  return end < 0 ? undefined : new TextDecoder('latin1').decode(bytes.subarray(0, end));
}
