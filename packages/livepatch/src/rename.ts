import { readElf, readSymbols, SHN, SHT, sectionBytes } from '@klpkit/formats';
import { draftSections, GrowingStrings, writeRelocatable } from './rewrite.ts';

/**
 * Gives undefined symbols of an object other names, before it is linked: what C calls `count_37` gets a name of its own, under which
 * neither the linker nor modpost takes it for anything else. Everything else stays as it is.
 *
 * @param names from the name in the object to the new one (Latin-1); names that the object does not want are passed over
 * @throws {FormatError} when it is no relocatable object
 */
export function renameUndefined(object: Uint8Array, names: ReadonlyMap<string, string>): Uint8Array {
  const elf = readElf(object);
  const symtab = elf.sections.find(({ type }) => type === SHT.SYMTAB);
  const strtab = symtab && elf.sections[symtab.link];
  if (!symtab || !strtab) return object;
  const symbols = readSymbols(elf, symtab);
  const strings = new GrowingStrings(sectionBytes(elf, strtab));
  const table = Uint8Array.from(sectionBytes(elf, symtab));
  const view = new DataView(table.buffer);
  let isChanged = false;
  for (let index = 1; index < symbols.count; index++) {
    if (symbols.section[index] !== SHN.UNDEF) continue;
    const name = names.get(symbols.name(index));
    if (name === undefined) continue;
    view.setUint32(index * 24, strings.add(name), elf.littleEndian);
    isChanged = true;
  }
  if (!isChanged) return object;
  const sections = draftSections(elf);
  sections[symtab.index] = { ...sections[symtab.index], data: table };
  sections[strtab.index] = { ...sections[strtab.index], data: strings.bytes() };
  return writeRelocatable(elf, sections);
}
