import { type ElfFile, FormatError, type Section, SHN, SHT, sectionBytes } from '@klpkit/formats';

/** A section of a file under reconstruction; numbers as in {@link Section}. */
export interface DraftSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entsize: number;
  /** Size in memory of SHT_NOBITS; elsewhere that of `data` counts. */
  readonly size: number;
  readonly data: Uint8Array;
}

/** More than any section of a module asks for: a large page. */
const largestAlign = 1 << 21;

/** Sections of a relocatable file as drafts, the null section first, at the indices that they have. */
export function draftSections(elf: ElfFile): DraftSection[] {
  return elf.sections.map((section) => draft(section, sectionBytes(elf, section)));
}

function draft(section: Section, data: Uint8Array): DraftSection {
  const { name, type, flags, address, link, info, align, entsize, size } = section;
  return { name, type, flags, address, link, info, align, entsize, size, data };
}

/** A string table that grows at its end: what is in it stays where it is. */
export class GrowingStrings {
  readonly #old: Uint8Array;
  readonly #added: number[] = [];
  readonly #at = new Map<string, number>();
  constructor(old: Uint8Array) {
    this.#old = old.length > 0 ? old : new Uint8Array(1);
    if (this.#old[this.#old.length - 1] !== 0)
      throw new FormatError('elf: a string table does not end with a zero byte');
  }

  /** Offset of `text` (Latin-1), which is added when it is new. */
  add(text: string): number {
    const known = this.#at.get(text);
    if (known !== undefined) return known;
    const at = this.#old.length + this.#added.length;
    for (let index = 0; index < text.length; index++) this.#added.push(text.charCodeAt(index) & 0xff);
    this.#added.push(0);
    this.#at.set(text, at);
    return at;
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.#old.length + this.#added.length);
    all.set(this.#old);
    all.set(this.#added, this.#old.length);
    return all;
  }
}

/**
 * Writes a relocatable file anew with its own header: `sections` at the indices given, what is appended behind them. The table
 * of section names keeps its place and grows.
 *
 * @throws {FormatError} for more sections than the plain header can count, senseless alignments, sections that overlap
 */
export function writeRelocatable(elf: ElfFile, sections: readonly DraftSection[]): Uint8Array {
  const little = elf.littleEndian;
  if (sections.length >= SHN.LORESERVE)
    throw new FormatError(`elf: ${sections.length} sections are more than the header can count`);
  const namesIndex = elf.view.getUint16(62, little);
  const shoff = Number(elf.view.getBigUint64(40, little));
  const nameTable = sections[namesIndex];
  if (!nameTable || nameTable.type !== SHT.STRTAB)
    throw new FormatError(`elf: section ${namesIndex} is no table of section names`);
  const names = new GrowingStrings(nameTable.data);
  const nameAt = sections.map((section, index) =>
    index < elf.sections.length ? elf.view.getUint32(shoff + index * 64, little) : names.add(section.name),
  );
  const data = sections.map((section, index) => (index === namesIndex ? names.bytes() : section.data));
  let end = 64;
  const offsets = sections.map((section, index) => {
    if (index === 0) return 0;
    const align = Math.max(1, section.align);
    if (align > largestAlign)
      throw new FormatError(
        `elf: section ${index} (${section.name}) asks for an alignment of ${section.align}`,
      );
    end = Math.ceil(end / align) * align;
    const at = end;
    if (section.type !== SHT.NOBITS) end += data[index].length;
    return at;
  });
  if (end > 2 * elf.bytes.length + largestAlign)
    throw new FormatError(`elf: the sections lie over each other and would take ${end} bytes one by one`);
  const headersAt = Math.ceil(end / 8) * 8;
  const bytes = new Uint8Array(headersAt + sections.length * 64);
  const view = new DataView(bytes.buffer);
  bytes.set(elf.bytes.subarray(0, 64));
  view.setBigUint64(32, 0n, little);
  view.setUint16(56, 0, little);
  view.setBigUint64(40, BigInt(headersAt), little);
  view.setUint16(60, sections.length, little);
  sections.forEach((section, index) => {
    if (index === 0) return;
    const content = data[index];
    const isStored = section.type !== SHT.NOBITS;
    if (isStored) bytes.set(content, offsets[index]);
    const at = headersAt + index * 64;
    view.setUint32(at, nameAt[index], little);
    view.setUint32(at + 4, section.type, little);
    const wide = (offset: number, value: number) => view.setBigInt64(at + offset, BigInt(value), little);
    wide(8, section.flags);
    wide(16, section.address);
    wide(24, offsets[index]);
    wide(32, isStored ? content.length : section.size);
    view.setUint32(at + 40, section.link, little);
    view.setUint32(at + 44, section.info, little);
    wide(48, section.align);
    wide(56, section.entsize);
  });
  return bytes;
}
