import { type ElfFile, readElf, readSymbols, type Section, SHT, sectionBytes } from '@klpkit/formats';

/**
 * True for objects that a livepatch could be made of alike: the same sections and symbols. Names that macros make with the compiler's
 * counter (`__UNIQUE_ID_…`) count without their numbers, which depend on the headers that were read before.
 */
export function isSameObject(a: Uint8Array, b: Uint8Array): boolean {
  const [left, right] = [readElf(a), readElf(b)];
  if (left.sections.length !== right.sections.length) return false;
  return (
    left.sections.every((section, index) => isSameSection(left, section, right, index)) &&
    haveSameSymbols(left, right)
  );
}

function isSameSection(left: ElfFile, one: Section, right: ElfFile, index: number): boolean {
  const other = right.sections[index];
  if (!other || plain(one.name) !== plain(other.name) || one.type !== other.type) return false;
  // Names of symbols and sections are compared as such.
  if (one.type === SHT.SYMTAB || one.type === SHT.STRTAB) return true;
  if (
    one.flags !== other.flags ||
    one.size !== other.size ||
    one.link !== other.link ||
    one.info !== other.info
  )
    return false;
  const [own, theirs] = [sectionBytes(left, one), sectionBytes(right, other)];
  return own.length === theirs.length && own.every((byte, at) => byte === theirs[at]);
}

function haveSameSymbols(left: ElfFile, right: ElfFile): boolean {
  const [own, theirs] = [readSymbols(left), readSymbols(right)];
  if (own.count !== theirs.count) return false;
  for (let index = 0; index < own.count; index++) {
    if (plain(own.name(index)) !== plain(theirs.name(index))) return false;
    for (const key of ['value', 'size', 'type', 'binding', 'section'] as const)
      if (own[key][index] !== theirs[key][index]) return false;
  }
  return true;
}

function plain(name: string): string {
  return name.includes('__UNIQUE_ID_') ? name.replace(/\d+/g, '') : name;
}
